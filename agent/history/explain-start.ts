import type { DurableState, EventPromise } from '../core/state.ts';

/** One event that the journal knew when the agent started. */
export interface StartReason {
  readonly eventId: string;
  readonly detail: string;
}

/**
 * Why this VM most likely was down, and what remains to be done, from what its journal held when the agent started. Empty when
 * nothing was under way: then the agent was started for a reason of its own.
 */
export function explainStart(found: DurableState | undefined): readonly StartReason[] {
  return (found?.events ?? [])
    .filter((promise) => promise.promise !== 'released' || !promise.hooks.includes('restored'))
    .map((promise) => ({
      eventId: promise.eventId,
      detail: `${reason(promise)}; ${remains(promise)}`,
    }));
}

function reason(promise: EventPromise): string {
  const { eventType, approved, posted, started, source } = promise;
  const event = `${eventType}${source === 'User' ? ' that a user asked for' : ''}`;
  const takesDown = eventType === 'Reboot' || eventType === 'Redeploy';
  if (promise.promise === 'released') return `the ${event} was over before this start`;
  if (started || approved || posted) {
    const what = started ? 'had started' : 'was approved';
    return takesDown
      ? `the ${event} ${what} before this start, and is most likely the reason for it`
      : `the ${event} ${what} before this start, but is no reason for it by itself`;
  }
  return `the ${event} was announced before this start; nothing says that it is the reason`;
}

function remains(promise: EventPromise): string {
  if (promise.promise === 'released') return 'what remains: the restored hooks, then back into rotation';
  const out = {
    none: 'out of rotation',
    binding: 'no promise was given yet: drain, unless the policy says otherwise',
    prepared: 'out of rotation as promised',
    consented: 'in service, as its operator lets it be hit',
    withdrawn: 'in service, as its operator decided',
  }[promise.promise];
  return `what remains: ${out} until the event is gone, then the restored hooks`;
}
