import { vmKey } from '../vm-key.ts';

/** One VM as far as it matters for whether another may leave. */
export interface ServingVm {
  readonly key: string;
  readonly scope: string;
  readonly role: string;
  /** In rotation, and its balancers have noticed. */
  readonly isServing: boolean;
}

/** A VM that was let go counts as out for so long, until its own word says so: its heartbeat comes every 5 s. */
const GRANT_LIFE_MS = 30_000;

/** A VM that is still held is spoken of again after this long. */
const TELL_AGAIN_MS = 10 * 60_000;

/**
 * Answers VMs that ask whether their role can do without them. What was granted counts at once, so that two that ask at the
 * same moment are not both let go on the strength of each other. Kept in memory: a grant outlives no restart, and then the
 * VMs' own health tells.
 */
export class Leaving {
  readonly #grants = new Map<string, number>();
  /** VMs whose refusal was said, and when: they ask every few seconds. */
  readonly #told = new Map<string, number>();

  /** May the VM leave with `minimum` others of its scope and role in service? `claimed`: keys of VMs that events name. */
  ask(
    vm: { readonly scope: string; readonly name: string; readonly role: string },
    minimum: number,
    fleet: { readonly vms: readonly ServingVm[]; readonly claimed: ReadonlySet<string>; readonly now: number },
  ): { readonly granted: boolean; readonly detail: string; readonly isNews: boolean } {
    const own = vmKey(vm.scope, vm.name);
    for (const [key, atMs] of this.#grants) if (fleet.now - atMs > GRANT_LIFE_MS) this.#grants.delete(key);
    // Once its own word says that it is out, that word counts, also when it says that it is back.
    for (const { key, isServing } of fleet.vms) if (!isServing) this.#grants.delete(key);
    const others = fleet.vms.filter(
      ({ key, scope, role, isServing }) =>
        key !== own &&
        scope === vm.scope &&
        role === vm.role &&
        isServing &&
        !fleet.claimed.has(key) &&
        !this.#grants.has(key),
    ).length;
    const granted = others >= minimum;
    const isNews = !granted && fleet.now - (this.#told.get(own) ?? Number.NEGATIVE_INFINITY) > TELL_AGAIN_MS;
    if (isNews) this.#told.set(own, fleet.now);
    if (granted) this.#grants.set(own, fleet.now);
    if (granted) this.#told.delete(own);
    const role = vm.role === '' ? 'its scope' : `role ${vm.role}`;
    return { granted, detail: `${others} others of ${role} are in service, at least ${minimum} are wanted`, isNews };
  }
}
