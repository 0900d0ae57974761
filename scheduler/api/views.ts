import { formatInstant, formatMs, descendingTicks, parseInstantOrUndefined } from '../jobs/instant.ts';
import type { CollectionRef, Job, JobCollection, JobRef } from '../jobs/job.ts';
import type { RecurrenceDefinition } from '../jobs/recurrence-definition.ts';
import type { HistoryEntry } from '../store/store.ts';

/** What the REST API shows, in the shape and spelling recorded from the real service (lower-case enums among them). */

export function collectionId(ref: CollectionRef): string {
  return `/subscriptions/${ref.subscription}/resourceGroups/${ref.resourceGroup}/providers/Microsoft.Scheduler/jobCollections/${ref.collection}`;
}

export function jobId(ref: JobRef): string {
  return `${collectionId(ref)}/jobs/${ref.job}`;
}

/** `isBeforePremiums`: for clients of 2014, which know one premium plan. */
export function collectionView(collection: JobCollection, isBeforePremiums = false): Record<string, unknown> {
  return {
    id: collectionId(collection),
    type: 'Microsoft.Scheduler/jobCollections',
    name: collection.collection,
    location: collection.location,
    ...(collection.tags === undefined ? {} : { tags: collection.tags }),
    properties: {
      sku: { name: isBeforePremiums ? collection.sku.replace(/^P\d+/, '') : collection.sku },
      state: collection.state,
      ...(collection.quota === undefined ? {} : { quota: collection.quota }),
    },
  };
}

export function jobView(job: Job): Record<string, unknown> {
  return {
    id: jobId(job),
    type: 'Microsoft.Scheduler/jobCollections/jobs',
    name: `${job.collection}/${job.job}`,
    properties: {
      ...job.definition,
      ...(job.definition.recurrence === undefined ? {} : { recurrence: recurrenceView(job.definition.recurrence) }),
      state: job.state,
      // A disabled job shows no status at all.
      ...(job.state === 'disabled' ? {} : { status: statusView(job) }),
    },
  };
}

/** The real service wrote `occurrence`, its published interface says `Occurrence`: with both every client reads it. */
function recurrenceView(recurrence: RecurrenceDefinition): Record<string, unknown> {
  const { schedule, ...rest } = recurrence;
  if (schedule?.monthlyOccurrences === undefined) return recurrence;
  const monthlyOccurrences = schedule.monthlyOccurrences.map((one) =>
    one.occurrence === undefined ? one : { ...one, Occurrence: one.occurrence },
  );
  return { ...rest, schedule: { ...schedule, monthlyOccurrences } };
}

function statusView(job: Job): Record<string, unknown> {
  return {
    executionCount: job.executionCount,
    failureCount: job.failureCount,
    faultedCount: job.faultedCount,
    ...(job.lastExecutionAtMs === undefined ? {} : { lastExecutionTime: formatMs(job.lastExecutionAtMs) }),
    ...(job.nextAtMs === undefined ? {} : { nextExecutionTime: formatInstant(withTicksOfStart(job, job.nextAtMs)) }),
  };
}

/** Every point of a grid has the digits below the millisecond that its start has; the real service shows them. */
function withTicksOfStart(job: Job, atMs: number): { ms: number; subTicks: number } {
  // A minute that the schedule names is that minute's beginning.
  if ((job.definition.recurrence?.schedule?.minutes?.length ?? 0) > 0) return { ms: atMs, subTicks: 0 };
  const start = parseInstantOrUndefined(job.definition.startTime ?? '');
  return { ms: atMs, subTicks: start?.ms === job.anchorMs ? start.subTicks : 0 };
}

/**
 * A completed entry had no status in the real service, and clients read absent as completed; saying it as well breaks none.
 * The second half of the id is a counter below 2^63 that falls, so that ids of one instant also sort the newest first.
 */
export function historyView(job: Job, entry: HistoryEntry): Record<string, unknown> {
  const { execution } = entry;
  const startedAtMs = execution.startedAtMs ?? execution.runAtMs;
  const counter = (2n ** 63n - 1n - BigInt(entry.number)).toString().padStart(20, '0');
  const id = `${descendingTicks(startedAtMs)}:${counter}`;
  return {
    id: `${jobId(job)}/history/${id}`,
    type: 'Microsoft.Scheduler/jobCollections/jobs/history',
    name: `${job.collection}/${job.job}/${id}`,
    properties: {
      startTime: formatMs(startedAtMs),
      ...(execution.endedAtMs === undefined ? {} : { endTime: formatMs(execution.endedAtMs) }),
      expectedExecutionTime: formatMs(execution.dueMs),
      actionName: execution.action === 'error' ? 'ErrorAction' : 'MainAction',
      status: execution.status,
      message: execution.message,
      // Beyond the real service: a stable word for why it was not run, or was cut short.
      ...(execution.reason === undefined ? {} : { reason: execution.reason }),
      retryCount: execution.retry,
      repeatCount: execution.repeat,
    },
  };
}
