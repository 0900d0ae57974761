import { smallestGapMs, type Frequency } from '../recurrence.ts';
import type { HttpAction, JobDefinition } from './definition.ts';
import { parseInstantOrUndefined } from './instant.ts';
import type { Job, JobCollection, Quota, Sku } from './job.ts';
import { DOCUMENTED_PLANS, type PlanCounts, type Plans } from './plans.ts';
import { timetableFrom, type RecurrenceDefinition } from './recurrence-definition.ts';
import { parseTimeSpanOrUndefined } from './retry.ts';

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
export function refuseQuota(sku: Sku, quota: Quota, plans: Plans = DOCUMENTED_PLANS): string | undefined {
  const plan = plans.of[sku];
  if (quota.maxJobCount !== undefined && quota.maxJobCount > plan.jobs) {
    return sku === 'Free'
      ? `The maximum job count quota has a value that is too large; this quota cannot be set higher than '${plan.jobs}' for free subscriptions('${quota.maxJobCount}' was provided). To increase quota, please upgrade to the standard or premium plan.`
      : `The maximum job count quota has a value that is too large; this quota cannot be set higher then '${plan.jobs}' ('${quota.maxJobCount}' was provided).`;
  }
  if (quota.maxRecurrence !== undefined && gapOf(quota.maxRecurrence) < gapOf(plan.every)) {
    const wanted = describe(quota.maxRecurrence);
    return sku === 'Free'
      ? `The provided MaxRecurrence for job collection Quota '${wanted}' exceeds the permissible limit for Free collections '${describe(plan.every)}'.`
      : `The provided maxRecurrence for job collection quota ${wanted} exceeds the permissible limit (${describe(plan.every)}).`;
  }
  return undefined;
}

/** Whether the collection is new, or its plan another: then what the subscription has already decides. */
export function isOtherPlan(current: JobCollection | undefined, wanted: JobCollection): boolean {
  return current?.sku !== wanted.sku;
}

/** Whether jobs that could be in the collection until now could be too frequent, or too special, for what is wanted. */
export function isStricter(
  current: JobCollection | undefined,
  wanted: JobCollection,
  plans: Plans = DOCUMENTED_PLANS,
): boolean {
  if (current === undefined) return false;
  return isOtherPlan(current, wanted) || gapOf(leastGap(wanted, plans)) > gapOf(leastGap(current, plans));
}

/**
 * Why a collection may not be created in, or moved to, the plan and quota that `wanted` has, or undefined. `counts`: the other
 * collections of the subscription. `jobs`: those in the collection; a plan cannot be left for one that they do not fit
 * ("Upgrades and Downgrades of Job Collection Plans"), and the quota of a recurrence holds for all of them ("All jobs in the
 * job collection are limited", Limits). A quota of fewer jobs than there are keeps others out, and takes none away.
 */
export function refusePlan(
  current: JobCollection | undefined,
  wanted: JobCollection,
  beside: { readonly counts: PlanCounts; readonly jobs: readonly Job[] },
  plans: Plans = DOCUMENTED_PLANS,
): string | undefined {
  const plan = plans.of[wanted.sku];
  if (isOtherPlan(current, wanted)) {
    const full = refuseCounts(current, wanted, beside.counts, plans);
    if (full !== undefined) return full;
  }
  if (!isStricter(current, wanted, plans)) return undefined;
  const least = leastGap(wanted, plans);
  const isOther = isOtherPlan(current, wanted);
  const change = isOther ? `changed to the plan '${wanted.sku}'` : 'given this quota';
  const cannot = `The job collection '${wanted.collection}' cannot be ${change}:`;
  if (isOther && beside.jobs.length > plan.jobs) {
    return `${cannot} it has ${beside.jobs.length} jobs, and the plan allows '${plan.jobs}'.`;
  }
  for (const { job, definition } of beside.jobs) {
    const problem =
      refuseFrequency(definition, least) ?? (isOther ? refuseForPlan(wanted.sku, definition, plans) : undefined);
    if (problem !== undefined) return `${cannot} job '${job}': ${problem}`;
  }
  return undefined;
}

/** Why the subscription may have no more collections of this plan, or none at all. */
function refuseCounts(
  current: JobCollection | undefined,
  wanted: JobCollection,
  counts: PlanCounts,
  plans: Plans,
): string | undefined {
  const plan = plans.of[wanted.sku];
  if (counts[wanted.sku] >= plan.collections) {
    return wanted.sku === 'Free' && plan.collections === 1
      ? 'The subscription already has a free job collection. Only one free job collection can be created per subscription.'
      : `The subscription has reached its quota of '${plan.collections}' job collections of the plan '${wanted.sku}'.`;
  }
  const all = Object.values(counts).reduce((sum, one) => sum + one, 0);
  if (current === undefined && all >= plans.collections) {
    return `The subscription has reached its quota of '${plans.collections}' job collections.`;
  }
  return undefined;
}

/** Why a job may not be written into its collection, or undefined. `siblings`: the others, where it is new; else 0. */
export function refuseJob(
  collection: JobCollection,
  definition: JobDefinition,
  siblings: number,
  plans: Plans = DOCUMENTED_PLANS,
): string | undefined {
  const plan = plans.of[collection.sku];
  const maxJobs = collection.quota?.maxJobCount ?? plan.jobs;
  if (siblings >= maxJobs) {
    return `The job collection has reached its quota of '${maxJobs}'. Please remove existing jobs before adding new ones.`;
  }
  return refuseFrequency(definition, leastGap(collection, plans)) ?? refuseForPlan(collection.sku, definition, plans);
}

type Every = { readonly frequency: Frequency; readonly interval: number };

function refuseFrequency({ recurrence, startTime }: JobDefinition, least: Every): string | undefined {
  if (recurrence === undefined || shortestGapMs(recurrence, startTime) >= gapOf(least)) return undefined;
  const schedule = recurrence.schedule === undefined ? '' : ' with its schedule';
  return `The recurrence of the job, every ${describe(recurrence)}${schedule}, is more frequent than its job collection allows: every ${describe(least)}.`;
}

function refuseForPlan(sku: Sku, { action }: JobDefinition, plans: Plans): string | undefined {
  const plan = plans.of[sku];
  const actions: readonly Pick<HttpAction, 'retryPolicy'>[] =
    action.type === 'Fleet' ? [] : [action, ...(action.errorAction === undefined ? [] : [action.errorAction])];
  for (const one of actions) {
    if (!plan.authentication && isAuthenticated(one)) {
      return `The plan '${sku}' does not allow the field 'authentication' in the request of a job.`;
    }
    const { retryInterval } = one.retryPolicy ?? {};
    const intervalMs = retryInterval === undefined ? undefined : parseTimeSpanOrUndefined(retryInterval);
    if (intervalMs !== undefined && intervalMs < plan.retryEverySeconds * 1000) {
      return `The plan '${sku}' does not allow the value '${retryInterval}' of the field 'retryInterval': at least ${plan.retryEverySeconds} seconds.`;
    }
  }
  return undefined;
}

/** Queues and topics are reached with secrets of their own, which every plan allows. */
function isAuthenticated(action: object): boolean {
  return (
    'request' in action &&
    typeof action.request === 'object' &&
    action.request !== null &&
    'authentication' in action.request
  );
}

/** A schedule can make an hourly job run every minute, so what counts is the shortest time between two of its runs. */
function shortestGapMs(recurrence: RecurrenceDefinition, startTime: string | undefined): number {
  const startMs = startTime === undefined ? 0 : (parseInstantOrUndefined(startTime)?.ms ?? 0);
  return smallestGapMs(timetableFrom(recurrence, startMs));
}

/** No job of the collection may run more often. */
function leastGap({ sku, quota }: JobCollection, plans: Plans): Every {
  return quota?.maxRecurrence ?? plans.of[sku].every;
}

function gapOf(every: Every): number {
  return GAP_MS[every.frequency] * every.interval;
}

function describe(every: Every): string {
  return `${every.interval} ${every.frequency}`;
}
