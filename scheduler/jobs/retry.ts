import { parseDurationOrUndefined } from '../../common/runtime/duration.ts';
import type { JobAction } from './definition.ts';

/** How often a failed action is tried again, and how long after the end of the attempt before. */
export interface RetryPlan {
  readonly count: number;
  readonly intervalMs: number;
}

/** What applies where the job says nothing (Azure Scheduler, "Configurable Retry Policy"): four more times, 30 s apart. */
export const DEFAULT_RETRY_COUNT = 4;
export const DEFAULT_RETRY_INTERVAL_MS = 30_000;

/** Bounds of the documentation: 15 s to 18 months (548 days), at most 20 retries. */
export const MIN_RETRY_INTERVAL_MS = 15_000;
export const MAX_RETRY_INTERVAL_MS = 548 * 86_400_000;
export const MAX_RETRY_COUNT = 20;

/** A rollout is not retried: it stopped because a VM failed, and somebody should look before the next one is taken out. */
export function retryPlanOf(action: JobAction): RetryPlan {
  if (action.type === 'Fleet' || action.retryPolicy?.retryType === 'none') return { count: 0, intervalMs: 0 };
  return {
    count: action.retryPolicy?.retryCount ?? DEFAULT_RETRY_COUNT,
    intervalMs: parseTimeSpanOrUndefined(action.retryPolicy?.retryInterval ?? '') ?? DEFAULT_RETRY_INTERVAL_MS,
  };
}

/** Milliseconds of a .NET TimeSpan (`00:01:00`, `30.00:00:00`) or an ISO 8601 duration (`PT1M`, `P1D`): clients send both. */
export function parseTimeSpanOrUndefined(text: string): number | undefined {
  const span = /^(?:(\d+)\.)?(\d{1,2}):(\d\d)(?::(\d\d))?$/.exec(text);
  if (span !== null) {
    const [days, hours, minutes, seconds] = span.slice(1).map((part: string | undefined) => Number(part ?? 0));
    if ((hours ?? 0) > 23 || (minutes ?? 0) > 59 || (seconds ?? 0) > 59) return undefined;
    return ((((days ?? 0) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0)) * 60 + (seconds ?? 0)) * 1000;
  }
  const iso = /^P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/i.exec(text);
  if (iso === null || text.length < 3) return undefined;
  const units = ['d', 'h', 'm', 's'].map((unit, index) =>
    iso[index + 1] === undefined ? '' : `${iso[index + 1]}${unit}`,
  );
  return parseDurationOrUndefined(units.join(''));
}

/** `hh:mm:ss`, with days in front where there are any: the only form the published clients can read back. */
export function formatTimeSpan(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const days = Math.floor(seconds / 86_400);
  const clock = `${two(Math.floor(seconds / 3600) % 24)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return days > 0 ? `${days}.${clock}` : clock;
}
