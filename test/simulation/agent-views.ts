import type { EventDocument } from '../../agent/core/event-document.ts';
import type { PollResult } from '../../agent/core/observation.ts';
import type { AgentState } from '../../agent/core/state.ts';
import type { Invariants } from './invariants.ts';
import type { World } from './world.ts';

export interface NodeOptions {
  readonly name: string;
  readonly index: number;
  readonly world: World;
  readonly invariants: Invariants;
  readonly hasGate: boolean;
  /** False: nobody watches over this VM; it is in rotation, always. */
  readonly hasAgent?: boolean;
  /** Another machine that goes by the name of a VM, and is in no balancer. */
  readonly isClone?: boolean;
}

/** In service, and with nothing left to do for any event. */
export function isIdle(state: AgentState): boolean {
  const isFree = Object.keys(state.events).length === 0 && Object.keys(state.maintenance).length === 0;
  return isFree && state.rotation.state === 'in';
}

/** Everything that the agent would tell an operator; for traces of runs that failed. */
export function describeAgent(state: AgentState | undefined): string {
  const events = Object.values(state?.events ?? {}).map(
    ({ promise, preparation, approval }) =>
      `${promise.promise}/${preparation.step}/${approval.step} ${preparation.detail}`,
  );
  return `${state?.rotation.state ?? 'dead'}; ${events.join('; ')}`;
}

export function asResult(document: EventDocument | undefined): PollResult {
  return document === undefined ? { kind: 'failed', reason: 'no answer' } : { kind: 'document', document };
}
