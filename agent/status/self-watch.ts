import { canonicalEventId, canonicalName } from '../../common/agreement/names.ts';
import { formatDuration } from '../../common/runtime/duration.ts';
import type { PollResult } from '../core/observation.ts';
import type { Instant } from '../core/state.ts';

/**
 * Is the watcher itself well? An agent that has stopped looking, that looks for the wrong name, or whose clock is wrong, fails
 * silently on the one day it is needed. Pure: facts and `now` in, warnings out.
 */
export interface WatchFacts {
  readonly name: string;
  readonly beganMs: number;
  /** Monotonic time of the last poll that succeeded. */
  readonly lastGoodMs: number | undefined;
  readonly lastRateLimitedMs: number | undefined;
  /** Own clock minus the host's, of the newest answers that had a Date header; newest last. */
  readonly skewsMs: readonly number[];
  /** Distinct events seen, those of them that named this VM, and when (monotonic) the first was seen. */
  readonly events: { readonly seen: readonly string[]; readonly naming: number; readonly firstMs: number | undefined };
  /** The earliest NotBefore of the events that are still Scheduled in the newest document. */
  readonly earliestMs: number | undefined;
  /** How far it lay back by our clock at the newest poll that succeeded. */
  readonly overdueMs: number;
}

export const WARNING_KINDS = [
  'polling-stalled',
  'rate-limited',
  'clock-skewed',
  'not-before-passed',
  'name-unmatched',
] as const;
export type WarningKind = (typeof WARNING_KINDS)[number];

export interface Warning {
  readonly kind: WarningKind;
  readonly detail: string;
}

/** Twice the shortest notice; longer silence means that a Preempt can come and go unseen. */
const STALLED_MS = 60_000;
/** A refusal counts for so long. */
const RATE_LIMITED_MS = 60_000;
/** The Date header has seconds; below this nobody can tell a wrong clock from a slow answer. */
const SKEW_MS = 5000;
/** The platform starts events a little after NotBefore; later than this one of the two clocks is wrong. */
const OVERDUE_MS = 120_000;
/** So many events in so long that never name this VM: its scope is hit, or its name is not the one that events use. */
const UNMATCHED_EVENTS = 5;
const UNMATCHED_MS = 24 * 3_600_000;
const MAX_SKEWS = 5;
const MAX_SEEN = 100;

export function initialFacts(name: string, nowMs: number): WatchFacts {
  return {
    name,
    beganMs: nowMs,
    lastGoodMs: undefined,
    lastRateLimitedMs: undefined,
    skewsMs: [],
    events: { seen: [], naming: 0, firstMs: undefined },
    earliestMs: undefined,
    overdueMs: 0,
  };
}

/** Takes in what the metadata service answered to a request: its status, and the host's time where it told it. */
export function noteAnswer(
  facts: WatchFacts,
  answer: { readonly status: number; readonly dateMs: number | undefined },
  now: Instant,
): WatchFacts {
  return {
    ...facts,
    lastRateLimitedMs: answer.status === 429 ? now.monotonicMs : facts.lastRateLimitedMs,
    skewsMs:
      answer.dateMs === undefined
        ? facts.skewsMs
        : // The header is cut to whole seconds: half of one is its mean error.
          [...facts.skewsMs, now.wallMs - answer.dateMs - 500].slice(-MAX_SKEWS),
  };
}

/** Takes in what a poll came to. */
export function notePoll(facts: WatchFacts, result: PollResult, now: Instant): WatchFacts {
  if (result.kind === 'failed') return facts;
  // The document does not change when NotBefore passes.
  if (result.kind === 'unchanged') return withOverdue({ ...facts, lastGoodMs: now.monotonicMs }, now);
  const own = canonicalName(facts.name);
  let { events } = facts;
  let earliestMs: number | undefined;
  for (const event of result.document.events) {
    if (event.status === 'Scheduled' && event.notBeforeMs !== undefined)
      earliestMs = Math.min(earliestMs ?? Infinity, event.notBeforeMs);
    const id = canonicalEventId(event.eventId);
    if (events.seen.includes(id)) continue;
    const isNaming = event.resources.some((resource) => canonicalName(resource) === own);
    events = {
      seen: [...events.seen, id].slice(-MAX_SEEN),
      naming: events.naming + (isNaming ? 1 : 0),
      firstMs: events.firstMs ?? now.monotonicMs,
    };
  }
  return withOverdue({ ...facts, lastGoodMs: now.monotonicMs, events, earliestMs }, now);
}

function withOverdue(facts: WatchFacts, now: Instant): WatchFacts {
  const { earliestMs } = facts;
  return { ...facts, overdueMs: earliestMs === undefined ? 0 : Math.max(0, now.wallMs - earliestMs) };
}

/** What an operator should know about the watcher now; empty when it is well. */
export function judge(facts: WatchFacts, nowMs: number): readonly Warning[] {
  const warnings: Warning[] = [];
  const silentMs = nowMs - (facts.lastGoodMs ?? facts.beganMs);
  if (silentMs > STALLED_MS)
    warnings.push({ kind: 'polling-stalled', detail: `events could not be read for ${formatDuration(silentMs)}` });
  if (facts.lastRateLimitedMs !== undefined && nowMs - facts.lastRateLimitedMs < RATE_LIMITED_MS)
    warnings.push({
      kind: 'rate-limited',
      detail: 'the metadata service answers 429: something on this VM asks it more than 5 times a second',
    });
  const skewMs = medianSkewMs(facts);
  if (skewMs !== undefined && Math.abs(skewMs) > SKEW_MS)
    warnings.push({
      kind: 'clock-skewed',
      detail: `the clock of this VM is ${formatDuration(Math.abs(skewMs))} ${skewMs > 0 ? 'ahead of' : 'behind'} its host's, by which NotBefore counts`,
    });
  if (facts.overdueMs > OVERDUE_MS)
    warnings.push({
      kind: 'not-before-passed',
      detail: `an event is still Scheduled ${formatDuration(facts.overdueMs)} after its NotBefore by the clock of this VM`,
    });
  const { events } = facts;
  const isLong = events.firstMs !== undefined && nowMs - events.firstMs >= UNMATCHED_MS;
  if (isLong && events.naming === 0 && events.seen.length >= UNMATCHED_EVENTS)
    warnings.push({
      kind: 'name-unmatched',
      detail: `${events.seen.length} events have passed, and none named ${facts.name}: is that the name that events use?`,
    });
  return warnings;
}

/** Milliseconds by which this VM's clock is ahead of its host's; undefined while too little is known. */
export function medianSkewMs(facts: WatchFacts): number | undefined {
  if (facts.skewsMs.length < MAX_SKEWS) return undefined;
  return facts.skewsMs.toSorted((a, b) => a - b)[Math.floor(MAX_SKEWS / 2)];
}
