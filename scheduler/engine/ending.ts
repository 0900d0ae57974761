import type { IdSource } from '../../common/runtime/random.ts';
import type { JobAction } from '../jobs/definition.ts';
import { settlementOf, type Execution, type Settlement } from '../jobs/job.ts';
import { retryPlanOf } from '../jobs/retry.ts';
import type { Claim } from '../store/store.ts';
import { isInWindow } from './plan.ts';

/** How an execution went; `message` is what its history says. */
export interface ActionOutcome {
  readonly status: 'completed' | 'failed';
  readonly message: string;
}

/** What is stored when an action is over. */
export interface PlannedEnding {
  readonly ended: Execution;
  /** A retry, or the error action. */
  readonly follow: readonly Execution[];
  /** Undefined: the job's counts are not concerned. */
  readonly settlement: Settlement | undefined;
}

/**
 * What follows from an outcome. A failure is tried again as often as its policy says, within the job's window; after the last
 * time the job counts it as faulted and its error action is performed, once, with retries by a policy of its own. The error
 * action changes no count of the job: they count the job's own action. `newId` makes the ids of what follows.
 */
export function endingOf(
  claim: Claim,
  outcome: ActionOutcome,
  at: { readonly nowMs: number; readonly newId: IdSource },
): PlannedEnding {
  const { execution, job } = claim;
  const hasFailed = outcome.status === 'failed';
  const ended: Execution = {
    ...execution,
    status: outcome.status,
    endedAtMs: at.nowMs,
    message: outcome.message,
  };
  const retryAtMs = hasFailed ? nextTryOf(claim, at.nowMs) : undefined;
  const isTooLate =
    retryAtMs !== undefined &&
    execution.action === 'main' &&
    !execution.byHand &&
    !isInWindow(job, execution.dueMs, retryAtMs);
  const isFinal = hasFailed && (retryAtMs === undefined || isTooLate);
  const next = (): Execution => ({
    ...execution,
    id: at.newId(at.nowMs),
    attempt: 1,
    status: 'pending',
    startedAtMs: undefined,
  });
  const follow: Execution[] = [];
  if (retryAtMs !== undefined && !isTooLate) {
    follow.push({ ...next(), retry: execution.retry + 1, runAtMs: retryAtMs });
  }
  if (isFinal && execution.action === 'main' && errorActionOf(job.definition.action) !== undefined) {
    follow.push({ ...next(), action: 'error', retry: 0, runAtMs: at.nowMs });
  }
  return {
    ended: isTooLate ? { ...ended, reason: 'OutsideWindow' } : ended,
    follow,
    settlement:
      execution.action === 'error'
        ? undefined
        : settlementOf({
            hasFailed,
            isFaulted: isFinal,
            atMs: execution.startedAtMs ?? at.nowMs,
            byHand: execution.byHand,
          }),
  };
}

/** When the failed execution is to be tried again, or undefined when its policy says no more. */
function nextTryOf({ execution, job }: Claim, nowMs: number): number | undefined {
  const main = job.definition.action;
  const own = execution.action === 'error' ? errorActionOf(main) : main;
  // Without one of its own the main action's applies ("the same retry policy applies", concepts of the error action).
  const plan = retryPlanOf(own?.type !== 'Fleet' && own?.retryPolicy !== undefined ? own : main);
  return execution.retry < plan.count ? nowMs + plan.intervalMs : undefined;
}

function errorActionOf(action: JobAction): Exclude<JobAction, { type: 'Fleet' }> | undefined {
  return action.type === 'Fleet' ? undefined : action.errorAction;
}

/** One line that names an execution. */
export function describeExecution({ job, execution }: Claim): string {
  const which = execution.byHand ? 'run by hand' : `occurrence ${execution.repeat}`;
  const kind = execution.action === 'error' ? `${which}, error action` : which;
  const tried = execution.retry === 0 ? kind : `${kind}, retry ${execution.retry}`;
  return `${job.collection}/${job.job} ${tried}`;
}

/** The claim as its action is to be performed: the error action is an action like any other. */
export function actionOf(claim: Claim): Claim {
  const { action } = claim.job.definition;
  if (claim.execution.action === 'main' || action.type === 'Fleet' || action.errorAction === undefined) return claim;
  return { ...claim, job: { ...claim.job, definition: { ...claim.job.definition, action: action.errorAction } } };
}
