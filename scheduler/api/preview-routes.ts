import type { Express, Request } from 'express';
import { parseInstantOrUndefined, formatMs } from '../jobs/instant.ts';
import { firstDue, timetableOf, type JobRef } from '../jobs/job.ts';
import { lastOccurrence, smallestGapMs, type Timetable } from '../recurrence.ts';
import { previewOf, type PreviewEntry } from '../recurrence/preview.ts';
import { badRequest, jobNotFound } from './api-error.ts';
import { assertCalendarsKnown } from './blackouts.ts';
import { COLLECTION, needCollection } from './collection-routes.ts';
import { endpoint } from './endpoint.ts';
import { parseJob } from './parse-job.ts';
import type { ApiParts } from './parts.ts';

const DEFAULT_ENTRIES = 10;
/** Bounds the work of one request: a thousand take some milliseconds. */
const MAX_ENTRIES = 1000;

/**
 * When a job will run, in local time and UTC, and what is skipped and why: of a job as it is stored, or of one that is only
 * thought of (nothing is written). `count`, `from` and `until` narrow it.
 */
export function addPreviewRoutes(app: Express, parts: ApiParts): void {
  app.get(
    `/forewarn/v1${COLLECTION}/jobs/:job/next`,
    endpoint<JobRef>(async (request, response) => {
      const ref = request.params;
      await needCollection(parts.store, ref);
      const job = await parts.store.jobs.findJob(ref);
      if (job === undefined) throw jobNotFound(ref.job);
      const timetable = timetableOf(job.definition, job.anchorMs, parts.calendars);
      const progress = { made: job.made, nextMs: job.nextAtMs };
      response.json({
        state: job.state,
        ...previewView(timetable, rangeOf(request.query, parts.clock.now()), progress),
      });
    }),
  );
  app.post(
    '/forewarn/v1/preview',
    endpoint(async (request, response) => {
      const now = parts.clock.now();
      const { definition, state } = parseJob(request.body, now);
      assertCalendarsKnown(definition, parts.calendars);
      const { anchorMs, nextAtMs } = firstDue(definition, now, parts.calendars);
      const timetable = timetableOf(definition, anchorMs, parts.calendars);
      const range = rangeOf(request.query, now);
      response.json({ state: state ?? 'enabled', ...previewView(timetable, range, { made: 0, nextMs: nextAtMs }) });
    }),
  );
  app.get('/forewarn/v1/calendars', (_request, response) => {
    const now = parts.clock.now();
    const value = [...(parts.calendars ?? [])].map(([name, calendar]) => {
      const untilMs = calendar.endIfCovering(now);
      return { name, coversUntil: untilMs === undefined ? null : formatMs(untilMs) };
    });
    response.json({ value });
  });
}

interface Range {
  readonly fromMs: number;
  readonly untilMs: number | undefined;
  readonly limit: number;
}

function rangeOf({ count, from, until }: Request['query'], now: number): Range {
  const limit = count === undefined ? DEFAULT_ENTRIES : Number(count);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_ENTRIES) {
    throw badRequest(`The query parameter 'count' is not valid: expected a whole number from 1 to ${MAX_ENTRIES}.`);
  }
  return { limit, fromMs: momentOf('from', from) ?? now, untilMs: momentOf('until', until) };
}

function momentOf(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const parsed = typeof value === 'string' ? parseInstantOrUndefined(value) : undefined;
  if (parsed !== undefined) return parsed.ms;
  throw badRequest(`The query parameter '${name}' is not valid: expected an ISO 8601 date and time.`);
}

function previewView(
  timetable: Timetable,
  range: Range,
  progress: { readonly made: number; readonly nextMs: number | undefined },
): Record<string, unknown> {
  const { recurrence } = timetable;
  const afterMs = Math.max(range.fromMs, timetable.anchorMs) - 1;
  const last = recurrence === undefined ? undefined : lastOccurrence(timetable, { afterMs, made: progress.made });
  const gapMs = smallestGapMs(timetable);
  return {
    timeZone: recurrence?.timeZone ?? 'UTC',
    occurrences: previewOf(timetable, { ...range, ...progress }).map(entryView),
    lastOccurrence: last === undefined ? null : formatMs(last),
    shortestGapSeconds: Number.isFinite(gapMs) ? gapMs / 1000 : null,
  };
}

function entryView({ kind, atMs, local, note }: PreviewEntry): Record<string, unknown> {
  return { kind, utc: formatMs(atMs), local, note: note ?? null };
}
