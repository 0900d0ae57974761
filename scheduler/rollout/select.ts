import { canonicalName } from '../../common/agreement/names.ts';
import type { FleetSelector } from '../jobs/definition.ts';
import type { KnownVm } from '../store/store.ts';
import { vmKey } from '../vm-key.ts';

/**
 * A VM whose agent has been silent for longer is taken to be gone for good: it neither is rolled over nor blocks the others.
 * Long enough that a VM which is down for a day's repair still counts as one that is out.
 */
export const GONE_AFTER_MS = 24 * 3_600_000;

/** The VMs that a selector means: those that match all of its parts. The order is that of `known`. */
export function selectVms(selector: FleetSelector, known: readonly KnownVm[], now: number): readonly KnownVm[] {
  const names = selector.names?.map(canonicalName);
  return known.filter(
    ({ identity, lastSeenAtMs }) =>
      now - lastSeenAtMs <= GONE_AFTER_MS &&
      (selector.role === undefined || identity.role.toLowerCase() === selector.role.toLowerCase()) &&
      (selector.scope === undefined || identity.scope.toLowerCase() === selector.scope.toLowerCase()) &&
      (names === undefined || names.includes(canonicalName(identity.name))),
  );
}

/** The VMs that share a budget with `own` (keys) without being among them: same scope and role as one of those. */
export function peersOf(
  own: { readonly keys: ReadonlySet<string>; readonly vms: readonly KnownVm[] },
  known: readonly KnownVm[],
  now: number,
): readonly KnownVm[] {
  const roles = new Map<string, Set<string>>();
  for (const { identity } of own.vms) {
    const ofScope = roles.get(identity.scope) ?? new Set();
    roles.set(identity.scope, ofScope.add(identity.role));
  }
  return known.filter(
    ({ identity, lastSeenAtMs }) =>
      roles.get(identity.scope)?.has(identity.role) === true &&
      now - lastSeenAtMs <= GONE_AFTER_MS &&
      !own.keys.has(vmKey(identity.scope, identity.name)),
  );
}

/** Names in the selector that no agent has ever answered to: most likely misspelt. */
export function unknownNames(selector: FleetSelector, chosen: readonly KnownVm[]): readonly string[] {
  const found = new Set(chosen.map(({ identity }) => canonicalName(identity.name)));
  return (selector.names ?? []).filter((name) => !found.has(canonicalName(name)));
}
