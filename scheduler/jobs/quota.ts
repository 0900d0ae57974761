import { smallestGapMs, type Frequency } from '../recurrence.ts';
import type { JobDefinition } from './definition.ts';
import { parseInstantOrUndefined } from './instant.ts';
import { timetableFrom, type RecurrenceDefinition } from './recurrence-definition.ts';
import type { JobCollection, Quota, Sku } from './job.ts';

interface Plan {
  readonly maxJobs: number;
  /** Shortest time between two runs. */
  readonly minGap: { readonly frequency: Frequency; readonly interval: number };
}

/** The plans of the documentation ("Plans and Billing"). */
const PLANS: Readonly<Record<Sku, Plan>> = {
  Free: { maxJobs: 5, minGap: { frequency: 'hour', interval: 1 } },
  Standard: { maxJobs: 50, minGap: { frequency: 'minute', interval: 1 } },
  P10Premium: { maxJobs: 50, minGap: { frequency: 'minute', interval: 1 } },
  P20Premium: { maxJobs: 1000, minGap: { frequency: 'minute', interval: 1 } },
};

/** For comparison only; months and years count as their shortest. */
const GAP_MS: Readonly<Record<Frequency, number>> = {
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
  month: 28 * 86_400_000,
  year: 365 * 86_400_000,
};

/** Why a quota is more than the plan allows, or undefined. Texts as in the published cmdlets. */
export function refuseQuota(sku: Sku, quota: Quota): string | undefined {
  const plan = PLANS[sku];
  if (quota.maxJobCount !== undefined && quota.maxJobCount > plan.maxJobs) {
    return sku === 'Free'
      ? `The maximum job count quota has a value that is too large; this quota cannot be set higher than '${plan.maxJobs}' for free subscriptions('${quota.maxJobCount}' was provided). To increase quota, please upgrade to the standard or premium plan.`
      : `The maximum job count quota has a value that is too large; this quota cannot be set higher then '${plan.maxJobs}' ('${quota.maxJobCount}' was provided).`;
  }
  if (quota.maxRecurrence !== undefined && gapOf(quota.maxRecurrence) < gapOf(plan.minGap)) {
    const wanted = describe(quota.maxRecurrence);
    return sku === 'Free'
      ? `The provided MaxRecurrence for job collection Quota '${wanted}' exceeds the permissible limit for Free collections '${describe(plan.minGap)}'.`
      : `The provided maxRecurrence for job collection quota ${wanted} exceeds the permissible limit (${describe(plan.minGap)}).`;
  }
  return undefined;
}

/** Why a job may not be written into its collection beside `siblings` others, or undefined. */
export function refuseJob(collection: JobCollection, definition: JobDefinition, siblings: number): string | undefined {
  const plan = PLANS[collection.sku];
  const maxJobs = collection.quota?.maxJobCount ?? plan.maxJobs;
  if (siblings >= maxJobs) {
    return `The job collection has reached its quota of '${maxJobs}'. Please remove existing jobs before adding new ones.`;
  }
  const minGap = collection.quota?.maxRecurrence ?? plan.minGap;
  const recurrence = definition.recurrence;
  if (recurrence !== undefined && shortestGapMs(recurrence, definition.startTime) < gapOf(minGap)) {
    const schedule = recurrence.schedule === undefined ? '' : ' with its schedule';
    return `The recurrence of the job, every ${describe(recurrence)}${schedule}, is more frequent than its job collection allows: every ${describe(minGap)}.`;
  }
  return undefined;
}

/** A schedule can make an hourly job run every minute, so what counts is the shortest time between two of its runs. */
function shortestGapMs(recurrence: RecurrenceDefinition, startTime: string | undefined): number {
  const startMs = startTime === undefined ? 0 : (parseInstantOrUndefined(startTime)?.ms ?? 0);
  return smallestGapMs(timetableFrom(recurrence, startMs));
}

function gapOf(every: { readonly frequency: Frequency; readonly interval: number }): number {
  return GAP_MS[every.frequency] * every.interval;
}

function describe(every: { readonly frequency: Frequency; readonly interval: number }): string {
  return `${every.interval} ${every.frequency}`;
}
