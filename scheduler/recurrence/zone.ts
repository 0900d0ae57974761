/**
 * Time zones as pieces of time in which the distance from UTC does not change. They come from the runtime's own copy of the
 * IANA database (`Intl`), a year of a zone at a time, and are kept: asking it again costs a hundred times as much.
 */
export interface Zone {
  readonly name: string;
  /** The piece that a moment is in. */
  readonly pieceAt: (atMs: number) => Piece;
}

/** From `fromMs` until before `toMs` the wall clock shows UTC plus `offsetMs`. Its ends may be those of a year. */
export interface Piece {
  readonly fromMs: number;
  readonly toMs: number;
  readonly offsetMs: number;
  /** The offsets of the pieces before and after it. */
  readonly beforeMs: number;
  readonly afterMs: number;
}

export const UTC: Zone = {
  name: 'UTC',
  pieceAt: () => ALWAYS,
};
const ALWAYS: Piece = { fromMs: -Infinity, toMs: Infinity, offsetMs: 0, beforeMs: 0, afterMs: 0 };

/** A zone database has some 600 names; each of ours keeps its years. */
const zones = new Map<string, Zone>();

/** The zone of an IANA name, in any case of letters; undefined when the runtime knows none of that name. */
export function zoneOrUndefined(name: string): Zone | undefined {
  if (/^(utc|etc\/utc|z)$/i.test(name)) return UTC;
  const key = name.toLowerCase();
  const known = zones.get(key);
  if (known !== undefined) return known;
  // A fixed offset such as +02:00 is no zone: who writes it usually wants one, and would miss the clock changes.
  if (!/^[A-Za-z]/.test(name)) return undefined;
  const made = makeZone(name);
  if (made !== undefined) zones.set(key, made);
  return made;
}

/** Offsets are looked at this often; no zone has ever changed its clock twice within a week. */
const LOOK_EVERY_MS = 7 * 86_400_000;

function makeZone(name: string): Zone | undefined {
  const offsetAt = offsetReader(name);
  if (offsetAt === undefined) return undefined;
  const years = new Map<number, readonly Piece[]>();
  let last: Piece | undefined;
  return {
    name,
    pieceAt: (atMs) => {
      if (last !== undefined && atMs >= last.fromMs && atMs < last.toMs) return last;
      const year = new Date(atMs).getUTCFullYear();
      let pieces = years.get(year);
      if (pieces === undefined) {
        pieces = piecesOf(year, offsetAt);
        years.set(year, pieces);
      }
      const found = pieces.find((piece) => atMs < piece.toMs);
      if (found === undefined) throw new Error(`no piece of ${name} at ${atMs}`);
      last = found;
      return found;
    },
  };
}

function piecesOf(year: number, offsetAt: (atMs: number) => number): readonly Piece[] {
  const startMs = Date.UTC(year, 0, 1);
  const endMs = Date.UTC(year + 1, 0, 1);
  const bounds = [startMs];
  let offset = offsetAt(startMs);
  for (let atMs = startMs; atMs < endMs; atMs += LOOK_EVERY_MS) {
    const nextMs = Math.min(atMs + LOOK_EVERY_MS, endMs - 1);
    const nextOffset = offsetAt(nextMs);
    if (nextOffset !== offset) bounds.push(changeBetween(atMs, nextMs, offsetAt));
    offset = nextOffset;
  }
  bounds.push(endMs);
  return bounds.slice(0, -1).map((fromMs, index) => {
    const toMs = bounds[index + 1] ?? endMs;
    return { fromMs, toMs, offsetMs: offsetAt(fromMs), beforeMs: offsetAt(fromMs - 1), afterMs: offsetAt(toMs) };
  });
}

/** The first moment with another offset than `fromMs`; `toMs` has another one. Changes lie on whole seconds. */
function changeBetween(fromMs: number, toMs: number, offsetAt: (atMs: number) => number): number {
  const offset = offsetAt(fromMs);
  let low = Math.floor(fromMs / 1000);
  let high = Math.floor(toMs / 1000);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(middle * 1000) === offset) low = middle;
    else high = middle;
  }
  return high * 1000;
}

function offsetReader(name: string): ((atMs: number) => number) | undefined {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    // A RangeError says that the name is none; there is nothing else that could be wrong.
    return undefined;
  }
  return (atMs) => {
    const wholeMs = Math.floor(atMs / 1000) * 1000;
    const parts: Record<string, string> = {};
    for (const { type, value } of format.formatToParts(wholeMs)) parts[type] = value;
    const number = (type: string): number => Number(parts[type]);
    const year = parts['era'] === 'BC' ? 1 - number('year') : number('year');
    return (
      Date.UTC(year, number('month') - 1, number('day'), number('hour'), number('minute'), number('second')) - wholeMs
    );
  };
}

/** What the wall clock of a zone shows. */
export function wallOf(zone: Zone, atMs: number): number {
  return atMs + zone.pieceAt(atMs).offsetMs;
}

/** The first moment at which the wall clock shows `wallMs` or, where it leaps over that, more. */
export function firstAtWall(zone: Zone, wallMs: number): number {
  // No zone is further than 15 hours from UTC.
  for (let piece = zone.pieceAt(wallMs - 16 * 3_600_000); ; piece = zone.pieceAt(piece.toMs)) {
    if (wallMs - piece.offsetMs < piece.toMs) return Math.max(wallMs - piece.offsetMs, piece.fromMs);
  }
}
