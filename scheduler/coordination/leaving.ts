/** One VM as far as it matters for whether another may leave. */
export interface ServingVm {
  readonly key: string;
  readonly scope: string;
  readonly role: string;
  /** In rotation, and its balancers have noticed. */
  readonly isServing: boolean;
}

/** The VMs of one scope and role that were let go, by their keys, each with when. */
export type Grants = ReadonlyMap<string, number>;

/** Where grants are kept, so that those who ask at several schedulers are not let go on the strength of each other. */
export interface GrantStore {
  /** `decide` gets the grants of the group and returns what they are from now on; one at a time, whichever scheduler asks. */
  change(group: { readonly scope: string; readonly role: string }, decide: (grants: Grants) => Grants): Promise<void>;
}

/**
 * A VM that was let go counts as out for so long, whatever is known of it: its heartbeat comes every 5 s, and another
 * scheduler may hear of it a moment later.
 */
const GRANT_LIFE_MS = 30_000;

/**
 * May the VM `key` leave with `minimum` others of its scope and role in service? `vms` are those that are connected,
 * `claimed` the keys of those that events name. What is granted counts at once. Returns the grants as they are then: the same
 * object where nothing has changed.
 */
export function mayLeave(
  vm: Pick<ServingVm, 'key' | 'scope' | 'role'>,
  minimum: number,
  fleet: {
    readonly vms: readonly ServingVm[];
    readonly claimed: ReadonlySet<string>;
    readonly grants: Grants;
    readonly now: number;
  },
): { readonly granted: boolean; readonly detail: string; readonly grants: Grants } {
  const { now, grants } = fleet;
  const isLetGo = (key: string): boolean => now - (grants.get(key) ?? Number.NEGATIVE_INFINITY) <= GRANT_LIFE_MS;
  const others = fleet.vms.filter(
    ({ key, scope, role, isServing }) =>
      key !== vm.key && scope === vm.scope && role === vm.role && isServing && !fleet.claimed.has(key) && !isLetGo(key),
  ).length;
  const granted = others >= minimum;
  const role = vm.role === '' ? 'its scope' : `role ${vm.role}`;
  const detail = `${others} others of ${role} are in service, at least ${minimum} are wanted`;
  if (!granted) return { granted, detail, grants };
  return { granted, detail, grants: new Map([...[...grants].filter(([key]) => isLetGo(key)), [vm.key, now]]) };
}
