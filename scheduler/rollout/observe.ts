import type { Presence } from '../replicas/fleet-store.ts';
import {
  isActive,
  type RolloutObservation,
  type RolloutReport,
  type RolloutState,
  type VmObservation,
} from '../rollout.ts';
import type { KnownVm } from '../store/store.ts';
import { vmKey } from '../vm-key.ts';
import { peersOf } from './select.ts';

/** The VMs whose state decides about the next step of a rollout. */
export interface BudgetGroup {
  /** Of all of them: its own and its peers. */
  readonly keys: ReadonlySet<string>;
  /** Those that share its budget without being its own. */
  readonly peers: readonly { readonly key: string; readonly name: string }[];
}

export function groupOf(
  state: RolloutState,
  fleet: {
    readonly known: (key: string) => KnownVm | undefined;
    readonly all: readonly KnownVm[];
    readonly now: number;
  },
): BudgetGroup {
  const own = new Set(state.vms.map((vm) => vm.key));
  const vms = [...own].flatMap((key) => fleet.known(key) ?? []);
  const peers = peersOf({ keys: own, vms }, fleet.all, fleet.now).map(({ identity }) => ({
    key: vmKey(identity.scope, identity.name),
    name: identity.name,
  }));
  return { keys: new Set([...own, ...peers.map(({ key }) => key)]), peers };
}

/** What is known of a group; `find` finds a VM whose agent is connected, `claimed` has the keys of those that others need. */
export function observe(
  group: BudgetGroup,
  given: {
    readonly find: (key: string) => Presence | undefined;
    readonly claimed: ReadonlySet<string>;
    readonly reports: readonly RolloutReport[];
  },
): RolloutObservation {
  const vms = new Map<string, VmObservation>();
  for (const key of group.keys) {
    const found = given.find(key);
    if (found === undefined) continue;
    vms.set(key, {
      connection: found.connection,
      isServing: found.health.inRotation && found.health.healthy,
      saidAtMs: found.healthAtMs,
      isClaimed: given.claimed.has(key),
    });
  }
  const othersOut = group.peers
    .map(({ key, name }) => ({ name, seen: vms.get(key) }))
    .filter(({ seen }) => seen === undefined || !seen.isServing || seen.isClaimed)
    .map(({ name, seen }) => (seen === undefined ? `${name} (not connected)` : name));
  return { vms, othersOut, reports: given.reports };
}

/** Keys of the VMs that rollouts other than `id` have out. */
export function outFor(rollouts: readonly RolloutState[], id: string): readonly string[] {
  return rollouts.filter((other) => other.id !== id).flatMap((other) => other.vms.filter(isActive).map((vm) => vm.key));
}

/**
 * The same of rollouts that somebody else performs, or nobody now: none may be there to put their VMs back, so each counts
 * until its agent has done it by itself.
 */
export function outUntil(rollouts: readonly RolloutState[], now: number): readonly string[] {
  return rollouts.flatMap((other) =>
    other.vms.filter((vm) => isActive(vm) && now < (vm.outUntilMs ?? now) + other.settleMs).map((vm) => vm.key),
  );
}
