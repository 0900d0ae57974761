import { canonicalName } from '../../common/agreement/names.ts';
import type { AnnouncedEvent } from './fault-plan.ts';
import type { Mode } from './faults.ts';
import type { Invariants } from './invariants.ts';
import type { Node } from './node.ts';
import type { World } from './world.ts';

/**
 * What must have come about by the end.
 *
 * - L1: when everything heals well before NotBefore, the event is approved before it.
 * - L2: in the end every VM is back in rotation.
 * - L3: without a coordinator nobody approves for others; an event that names one VM alone is approved as always.
 * - S2: in a calm run exactly one approval is sent.
 */
export function checkLiveness(run: {
  readonly mode: Mode;
  readonly world: World;
  readonly nodes: readonly Node[];
  readonly events: readonly AnnouncedEvent[];
  readonly invariants: Invariants;
}): void {
  const { mode, world, invariants } = run;
  const { posts } = world.counters;
  for (const { eventId, named } of run.events) {
    const isApproved = world.approvedByUs.has(eventId);
    // Of an event that names nobody but a VM without an agent, nobody knows.
    const isKnown = named.some((name) => world.vms.get(canonicalName(name))?.hasAgent === true);
    if ((mode === 'liveness' || mode === 'calm') && isKnown && !isApproved)
      invariants.violate('L1', `${eventId} was not approved in time`);
    if (mode === 'silent' && named.length > 1 && isApproved)
      invariants.violate('L3', 'approved for others without an agreement');
    if (mode === 'silent' && named.length === 1 && !isApproved)
      invariants.violate('L3', 'did not approve its own event');
  }
  if (mode === 'calm' && posts !== 1) invariants.violate('S2', `${posts} approvals were sent where one was enough`);
  if (mode === 'silent') return;
  for (const node of run.nodes)
    if (!node.isInRotation() && !node.isGone()) invariants.violate('L2', `${node.name} is still out of rotation`);
}
