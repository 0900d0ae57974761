import type { SchedulerMessage } from '../../common/protocol/messages.ts';
import type { RolloutAction, RolloutState } from '../rollout.ts';

/** The protocol's bound for names, which an idempotency key is. */
const MAX_KEY = 256;

/** What an agent is told for a step of a rollout. `executionKey`: the same for every attempt of one occurrence. */
export function messageOf(state: RolloutState, action: RolloutAction, executionKey: string): SchedulerMessage {
  const work = { workId: action.workId, attempt: state.attempt };
  switch (action.kind) {
    case 'drain':
      return { kind: 'drain', ...work, reason: `job ${state.job}`, untilMs: action.untilMs };
    case 'task':
      return {
        kind: 'task',
        ...work,
        task: state.task,
        parameters: state.parameters,
        timeoutMs: state.timeoutMs,
        idempotencyKey: `${executionKey}:${action.key}`.slice(0, MAX_KEY),
      };
    case 'restore':
      return { kind: 'restore', ...work };
    default:
      return action satisfies never;
  }
}
