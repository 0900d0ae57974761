import { greatestCommonDivisor, HOUR_MS, MINUTE_MS, modulo } from './civil.ts';
import type { Recurrence } from './rule.ts';
import { numbersOf } from './wall-calendar.ts';

/**
 * The frequencies minute and hour count time that really passes, whatever the clock on the wall does: nothing is left out
 * or repeated when it changes. A schedule narrows them to some minutes and hours of the wall clock, whose distance from UTC
 * is therefore an argument (`offsetMs`) of every question.
 */
export interface ElapsedGrid {
  readonly ceil: (atMs: number, offsetMs: number) => number | undefined;
  /** How many lie before `atMs`, from the start of the grid, if the offset had been the same all the time. */
  readonly rank: (atMs: number, offsetMs: number) => number;
  readonly smallestGapMs: () => number;
  /** Does the wall clock matter to it? */
  readonly isNarrowed: boolean;
}

/** Minutes of a day. */
const DAY_MINUTES = 1440;

/** Moments with the same distance from each other, of which a table says which count. The table repeats. */
interface Lane {
  readonly originMs: number;
  /** Sums of those that count; one longer than the pattern. Undefined: all count. */
  readonly sums: Uint16Array | undefined;
  /** How many to go to the next that counts, itself included; -1 when none does. */
  readonly toNext: Int16Array | undefined;
}

export function elapsedGrid(
  rule: Recurrence & { readonly frequency: 'minute' | 'hour' },
  startMs: number,
  startOffsetMs: number,
): ElapsedGrid {
  const stepMs = rule.interval * (rule.frequency === 'minute' ? MINUTE_MS : HOUR_MS);
  const lanesByOffset = new Map<number, readonly Lane[]>();
  const isNarrowed = numbersOf(rule.schedule?.minutes).length > 0 || numbersOf(rule.schedule?.hours).length > 0;
  const lanesFor = (offsetMs: number): readonly Lane[] => {
    const key = isNarrowed ? offsetMs : 0;
    let lanes = lanesByOffset.get(key);
    if (lanes === undefined) {
      lanes = lanesOf(rule, stepMs, { startMs, startOffsetMs, offsetMs });
      lanesByOffset.set(key, lanes);
    }
    return lanes;
  };
  const ceil = (atMs: number, offsetMs: number): number | undefined => {
    let earliest: number | undefined;
    for (const lane of lanesFor(offsetMs)) {
      const found = ceilInLane(lane, stepMs, atMs);
      if (found !== undefined && (earliest === undefined || found < earliest)) earliest = found;
    }
    return earliest;
  };
  return {
    isNarrowed,
    ceil,
    rank: (atMs, offsetMs) => lanesFor(offsetMs).reduce((sum, lane) => sum + rankInLane(lane, stepMs, atMs), 0),
    smallestGapMs: () => {
      // One pattern of hours and minutes is at most 1440 occurrences long; only quotas ask.
      let smallest = Infinity;
      let last = ceil(startMs, startOffsetMs);
      for (let steps = 0; last !== undefined && steps <= DAY_MINUTES && smallest > MINUTE_MS; steps++) {
        const next = ceil(last + 1, startOffsetMs);
        if (next !== undefined) smallest = Math.min(smallest, next - last);
        last = next;
      }
      return smallest;
    },
  };
}

function lanesOf(
  rule: Recurrence,
  stepMs: number,
  at: { readonly startMs: number; readonly startOffsetMs: number; readonly offsetMs: number },
): readonly Lane[] {
  const minutes = numbersOf(rule.schedule?.minutes);
  const hours = numbersOf(rule.schedule?.hours);
  const wallStart = at.startMs + at.startOffsetMs;
  if (rule.frequency === 'minute') {
    const originMs = minutes.length === 0 ? at.startMs : at.startMs - modulo(wallStart, MINUTE_MS);
    return [narrowed(originMs, stepMs, at.offsetMs, { minutes, hours })];
  }
  if (minutes.length === 0) return [narrowed(at.startMs, stepMs, at.offsetMs, { minutes, hours })];
  // The hour that the start is in is the first period, and each minute of it a lane.
  const hourMs = at.startMs - modulo(wallStart, HOUR_MS);
  return minutes.map((minute) => {
    const originMs = hourMs + modulo(minute * MINUTE_MS - hourMs - at.offsetMs, HOUR_MS);
    return narrowed(originMs, stepMs, at.offsetMs, { minutes: [], hours });
  });
}

function narrowed(
  originMs: number,
  stepMs: number,
  offsetMs: number,
  { minutes, hours }: { readonly minutes: readonly number[]; readonly hours: readonly number[] },
): Lane {
  if (minutes.length === 0 && hours.length === 0) return { originMs, sums: undefined, toNext: undefined };
  const stepMinutes = stepMs / MINUTE_MS;
  const length = DAY_MINUTES / greatestCommonDivisor(stepMinutes, DAY_MINUTES);
  const first = Math.floor((originMs + offsetMs) / MINUTE_MS);
  const sums = new Uint16Array(length + 1);
  const toNext = new Int16Array(length).fill(-1);
  for (let index = 0; index < length; index++) {
    const minuteOfDay = modulo(first + index * stepMinutes, DAY_MINUTES);
    const counts =
      (minutes.length === 0 || minutes.includes(minuteOfDay % 60)) &&
      (hours.length === 0 || hours.includes(Math.floor(minuteOfDay / 60)));
    sums[index + 1] = (sums[index] ?? 0) + (counts ? 1 : 0);
  }
  // Twice around from the end, so that the way from the last to the first is known.
  let next = -1;
  for (let index = 2 * length - 1; index >= 0; index--) {
    const within = index % length;
    if (sums[within + 1] !== sums[within]) next = index;
    toNext[within] = next === -1 ? -1 : next - index;
  }
  return { originMs, sums, toNext };
}

function ceilInLane({ originMs, toNext }: Lane, stepMs: number, atMs: number): number | undefined {
  const step = stepsTo(originMs, stepMs, atMs);
  if (toNext === undefined) return originMs + step * stepMs;
  const ahead = toNext[step % toNext.length] ?? -1;
  return ahead === -1 ? undefined : originMs + (step + ahead) * stepMs;
}

function rankInLane({ originMs, sums }: Lane, stepMs: number, atMs: number): number {
  const step = stepsTo(originMs, stepMs, atMs);
  if (sums === undefined) return step;
  const length = sums.length - 1;
  return Math.floor(step / length) * (sums[length] ?? 0) + (sums[step % length] ?? 0);
}

function stepsTo(originMs: number, stepMs: number, atMs: number): number {
  return Math.max(0, Math.ceil((atMs - originMs) / stepMs));
}
