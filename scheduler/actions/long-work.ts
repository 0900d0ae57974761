import { z } from 'zod';
import { headerOf, urlInHeader, type Answer } from './exchange.ts';

/** Where a target that answered 202 says how far it is, and how that is read. */
export interface StatusUrl {
  readonly url: URL;
  /**
   * location: any answer but 202 is the end. operation: the answer is JSON whose `status` says it (Azure's long-running
   * operations; the headers Operation-Location and Azure-AsyncOperation).
   */
  readonly kind: 'location' | 'operation';
}

export type Progress = 'running' | 'succeeded' | 'failed' | 'unclear';

/** Between two looks at a status URL that does not say when to come back. */
const DEFAULT_DELAY_MS = 10_000;
const MIN_DELAY_MS = 1000;
const MAX_DELAY_MS = 600_000;

/** Words of Azure's long-running operations for one that is over; all others mean that it goes on. */
const SUCCEEDED = ['succeeded', 'completed', 'success'];
const FAILED = ['failed', 'canceled', 'cancelled', 'terminated', 'error'];

const operationSchema = z.object({ status: z.string() });

/** The status URL of an answer, or undefined: then a 202 is the end, as it was in the real service. */
export function statusUrlOf(answer: Answer): StatusUrl | undefined {
  if (answer.statusCode !== 202) return undefined;
  for (const name of ['operation-location', 'azure-asyncoperation']) {
    const url = urlInHeader(answer, name);
    if (url !== undefined) return { url, kind: 'operation' };
  }
  const url = urlInHeader(answer, 'location');
  return url === undefined ? undefined : { url, kind: 'location' };
}

/**
 * What an answer of a status URL means. `unclear`: the server has no time or is ill; that says nothing about the work, which
 * is asked for again. A redirect is the pointer to the result (302 or 303) and means that there is one.
 */
export function progressOf(kind: StatusUrl['kind'], answer: Answer): Progress {
  const { statusCode } = answer;
  if (statusCode === 408 || statusCode === 429 || statusCode >= 500) return 'unclear';
  if (statusCode >= 400) return 'failed';
  if (statusCode === 202) return kind === 'operation' ? (statedProgress(answer) ?? 'running') : 'running';
  if (statusCode >= 300) return 'succeeded';
  return kind === 'operation' ? (statedProgress(answer) ?? 'succeeded') : 'succeeded';
}

function statedProgress(answer: Answer): Progress | undefined {
  let body: unknown;
  try {
    body = JSON.parse(answer.text);
  } catch {
    return undefined;
  }
  const found = operationSchema.safeParse(body);
  if (!found.success) return undefined;
  const status = found.data.status.toLowerCase();
  if (SUCCEEDED.includes(status)) return 'succeeded';
  return FAILED.includes(status) ? 'failed' : 'running';
}

/** How long to wait before the next look: `Retry-After` in seconds or as a date (RFC 9110, 10.2.3), within bounds. */
export function pollDelayMs(answer: Answer, nowMs: number): number {
  const text = headerOf(answer, 'retry-after')?.trim() ?? '';
  const wantedMs = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isFinite(wantedMs) ? Math.min(Math.max(wantedMs, MIN_DELAY_MS), MAX_DELAY_MS) : DEFAULT_DELAY_MS;
}
