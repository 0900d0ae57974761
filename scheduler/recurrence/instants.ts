import { DAY_MS, END_OF_DAYS, HOUR_MS } from './civil.ts';
import { elapsedGrid, type ElapsedGrid } from './elapsed.ts';
import { USUAL_CLOCK_CHANGES, type ClockChanges, type Recurrence } from './rule.ts';
import { wallCalendar, type WallCalendar } from './wall-calendar.ts';
import { UTC, wallOf, zoneOrUndefined, type Piece, type Zone } from './zone.ts';

/**
 * The moments of a rule, counted from the job's start, without regard to `count`, `endMs` and what is excluded. Wall time
 * becomes moments piece by piece of the zone; a rule that is rarely due skips the pieces in between.
 */
export interface Instants {
  readonly zone: Zone;
  readonly changes: ClockChanges;
  /** The first moment that is not before `fromMs`, nor before the start. */
  readonly ceil: (fromMs: number) => number | undefined;
  /** How many there are from `fromMs` until before `toMs`, or 2200 in a zone. Costs a step a clock change, not one an occurrence. */
  readonly countBetween: (fromMs: number, toMs: number) => number;
  /** The one that comes `index` after the first from `fromMs` on. The same cost. */
  readonly at: (fromMs: number, index: number) => number | undefined;
  readonly smallestGapMs: () => number;
  /** The wall calendar behind it; undefined for the frequencies minute and hour. */
  readonly calendar: WallCalendar | undefined;
}

/** What is true of one piece of a zone: moments from `fromMs` until before `toMs`. */
interface PieceRule {
  readonly ceil: (piece: Piece, fromMs: number) => number | undefined;
  readonly count: (piece: Piece, fromMs: number, toMs: number) => number;
  /** A moment that certainly is not later than the first one from `fromMs` on; undefined when there is none any more. */
  readonly notBefore: (piece: Piece, fromMs: number) => number | undefined;
}

/** Beyond it nobody knows what the clocks of a zone will do, and counting would take a year at a time for ever. */
export const END_OF_COUNTING_MS = Date.UTC(2200, 0, 1);

export function instantsOf(rule: Recurrence, startMs: number): Instants {
  const zone = zoneOrUndefined(rule.timeZone ?? 'UTC') ?? UTC;
  const changes = rule.clockChanges ?? USUAL_CLOCK_CHANGES;
  const { frequency } = rule;
  if (frequency === 'minute' || frequency === 'hour') {
    const grid = elapsedGrid({ ...rule, frequency }, startMs, zone.pieceAt(startMs).offsetMs);
    const walked = grid.isNarrowed ? zone : UTC;
    const moments = walk(walked, elapsedPieces(grid), startMs);
    return { ...moments, zone, changes, smallestGapMs: grid.smallestGapMs, calendar: undefined };
  }
  const calendar = wallCalendar({ ...rule, frequency }, wallOf(zone, startMs));
  const moments = walk(zone, calendarPieces(calendar, changes), startMs);
  return { ...moments, zone, changes, smallestGapMs: calendar.smallestGapMs, calendar };
}

function walk(zone: Zone, rule: PieceRule, startMs: number): Pick<Instants, 'ceil' | 'countBetween' | 'at'> {
  const ceil = (fromMs: number): number | undefined => {
    let from = Math.max(fromMs, startMs);
    for (;;) {
      const piece = zone.pieceAt(from);
      const found = rule.ceil(piece, from);
      if (found !== undefined) return found;
      const notBefore = rule.notBefore(piece, from);
      if (notBefore === undefined || piece.toMs === Infinity) return undefined;
      from = Math.max(piece.toMs, notBefore);
    }
  };
  return {
    ceil,
    countBetween: (fromMs, toMs) => {
      let count = 0;
      let from = Math.max(fromMs, startMs);
      while (from < toMs) {
        const piece = zone.pieceAt(from);
        if (piece.toMs !== Infinity && from >= END_OF_COUNTING_MS) break;
        count += rule.count(piece, from, Math.min(toMs, piece.toMs));
        from = piece.toMs;
      }
      return count;
    },
    at: (fromMs, index) => {
      let left = index;
      let from = ceil(fromMs);
      while (from !== undefined) {
        const piece = zone.pieceAt(from);
        if (piece.toMs !== Infinity && from >= END_OF_COUNTING_MS) return undefined;
        const endMs = piece.toMs === Infinity ? farEnough(rule, piece, from, left) : piece.toMs;
        const here = rule.count(piece, from, endMs);
        if (left < here) return find(rule, piece, { fromMs: from, endMs, index: left });
        left -= here;
        from = piece.toMs === Infinity ? undefined : ceil(piece.toMs);
      }
      return undefined;
    },
  };
}

/** A year, or four, or sixteen later: when more than `index` moments have passed, or the calendar ends. */
function farEnough(rule: PieceRule, piece: Piece, fromMs: number, index: number): number {
  const lastMs = END_OF_DAYS * DAY_MS;
  let endMs = fromMs;
  for (let spanMs = 366 * DAY_MS; endMs < lastMs && rule.count(piece, fromMs, endMs) <= index; spanMs *= 4) {
    endMs = Math.min(fromMs + spanMs, lastMs);
  }
  return endMs;
}

/** Halves the time in which it must lie until one moment is left: 48 steps at most. */
function find(
  rule: PieceRule,
  piece: Piece,
  { fromMs, endMs, index }: { readonly fromMs: number; readonly endMs: number; readonly index: number },
): number {
  let low = fromMs;
  let high = endMs - 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (rule.count(piece, fromMs, middle + 1) > index) high = middle;
    else low = middle + 1;
  }
  return low;
}

function elapsedPieces(grid: ElapsedGrid): PieceRule {
  return {
    ceil: (piece, fromMs) => {
      const found = grid.ceil(fromMs, piece.offsetMs);
      return found !== undefined && found < piece.toMs ? found : undefined;
    },
    count: (piece, fromMs, toMs) => Math.max(0, grid.rank(toMs, piece.offsetMs) - grid.rank(fromMs, piece.offsetMs)),
    // Hours of the day that are never hit under one offset may be under the next, so no piece may be passed over.
    notBefore: (piece) => (piece.fromMs > END_OF_COUNTING_MS ? undefined : piece.toMs),
  };
}

/** More than the wall clock can be before or behind UTC, and than it was ever set at once. */
const MOST_OFFSET_MS = 26 * HOUR_MS;

function calendarPieces(calendar: WallCalendar, changes: ClockChanges): PieceRule {
  return {
    ceil: (piece, fromMs) => {
      const wall = wallsOf(piece, changes);
      const found = calendar.ceil(Math.max(wall.fromMs, fromMs + piece.offsetMs));
      const own = found !== undefined && found < wall.toMs ? found - piece.offsetMs : undefined;
      const moved = movedInto(piece, changes, calendar, fromMs);
      return own === undefined || (moved !== undefined && moved < own) ? moved : own;
    },
    count: (piece, fromMs, toMs) => {
      const wall = wallsOf(piece, changes);
      const from = Math.max(wall.fromMs, fromMs + piece.offsetMs);
      const to = Math.min(wall.toMs, toMs + piece.offsetMs);
      let count = to > from ? calendar.rank(to) - calendar.rank(from) : 0;
      // Those moved out of the gap, one by one (a gap is an hour): on a moment that has an occurrence of its own they are one.
      for (let at = movedInto(piece, changes, calendar, fromMs); at !== undefined && at < toMs;) {
        const isOwn = calendar.ceil(at + piece.offsetMs) === at + piece.offsetMs && at + piece.offsetMs >= wall.fromMs;
        count += isOwn ? 0 : 1;
        at = movedInto(piece, changes, calendar, at + 1);
      }
      return count;
    },
    notBefore: (piece, fromMs) => {
      // The wall clock may be put back at the end of the piece, and show again what it has shown.
      const found = calendar.ceil(fromMs + Math.min(piece.offsetMs, piece.beforeMs, piece.afterMs));
      return found === undefined ? undefined : found - MOST_OFFSET_MS;
    },
  };
}

/** The wall times that belong to a piece under the policy for times that come twice. */
function wallsOf(piece: Piece, { overlap }: ClockChanges): { readonly fromMs: number; readonly toMs: number } {
  const fromMs = piece.fromMs + piece.offsetMs;
  const toMs = piece.toMs + piece.offsetMs;
  return {
    fromMs: overlap === 'first' ? Math.max(fromMs, piece.fromMs + piece.beforeMs) : fromMs,
    toMs: overlap === 'last' ? Math.min(toMs, piece.toMs + piece.afterMs) : toMs,
  };
}

/** The first moment from `fromMs` on to which an occurrence was moved that the clock leapt over when the piece began. */
function movedInto(piece: Piece, { gap }: ClockChanges, calendar: WallCalendar, fromMs: number): number | undefined {
  const gapMs = piece.offsetMs - piece.beforeMs;
  if (gapMs <= 0 || gap === 'skip' || fromMs >= piece.fromMs + gapMs) return undefined;
  if (gap === 'edge' && fromMs > piece.fromMs) return undefined;
  const found = calendar.ceil(Math.max(fromMs, piece.fromMs) + piece.beforeMs);
  if (found === undefined || found >= piece.fromMs + piece.offsetMs) return undefined;
  return gap === 'edge' ? piece.fromMs : found - piece.beforeMs;
}
