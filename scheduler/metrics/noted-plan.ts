import type { Execution } from '../jobs/job.ts';
import type { ClaimPlan } from '../store/store.ts';

/**
 * The same plan, and what it has left out, by reason, once the transaction is written: the store may ask a plan again when it
 * has to repeat one, so an occurrence is noted once, however often it was planned.
 */
export function notedPlan(plan: ClaimPlan): { readonly plan: ClaimPlan; readonly reasons: () => readonly string[] } {
  let left: Map<string, string> | undefined;
  const note = (execution: Execution): void => {
    if (execution.status !== 'postponed') return;
    left ??= new Map();
    left.set(`${execution.jobId} ${execution.dueMs}`, execution.reason ?? 'Unknown');
  };
  return {
    plan: {
      asksForUnfinished: (job) => plan.asksForUnfinished(job),
      occurrences: (job, at) => {
        const planned = plan.occurrences(job, at);
        planned?.executions.forEach(note);
        return planned;
      },
      pending: (job, execution, nowMs) => {
        const planned = plan.pending(job, execution, nowMs);
        note(planned.execution);
        return planned;
      },
    },
    reasons: () => [...(left?.values() ?? [])],
  };
}
