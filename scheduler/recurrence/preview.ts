import { compile, exclusionAt, type Compiled, type Timetable } from './timetable.ts';
import { UTC, wallOf, type Piece, type Zone } from './zone.ts';

/** One line of a preview: a run, or something that would be one if nothing stood against it. */
export interface PreviewEntry {
  readonly kind: 'run' | 'skipped';
  /** Of a time that the clock leaps over: the moment at which it does. */
  readonly atMs: number;
  /** What the clock on the wall shows, with its distance from UTC: `2026-03-29 03:30:00 +02:00`. */
  readonly local: string;
  /** Why it is skipped, or not when one would think. */
  readonly note: string | undefined;
}

export interface PreviewRange {
  readonly fromMs: number;
  /** Before this; absent: as far as `limit` entries reach. */
  readonly untilMs: number | undefined;
  /** How many runs the job has had. */
  readonly made: number;
  /** Most entries. */
  readonly limit: number;
  /** When the job is due next, where that is known: a job without a start time runs at once, whatever its schedule says. */
  readonly nextMs: number | undefined;
}

/** Tries in a row that gave no run: a rule that is always excluded has no end otherwise. */
const MAX_SKIPPED = 10_000;

/** What a job will do, in order: its runs, and what is skipped and why. */
export function previewOf(timetable: Timetable, range: PreviewRange): readonly PreviewEntry[] {
  const { anchorMs, recurrence } = timetable;
  const { nextMs, limit, untilMs = Infinity } = range;
  const zone = recurrence === undefined ? UTC : compile(timetable, recurrence).instants.zone;
  const entries: PreviewEntry[] = [];
  let { made, fromMs } = range;
  if (nextMs !== undefined && nextMs >= fromMs && nextMs < untilMs) {
    const compiled = recurrence === undefined ? undefined : compile(timetable, recurrence);
    const isOwn = compiled === undefined || compiled.instants.ceil(nextMs) === nextMs;
    const note = isOwn ? compiled && noteOf(compiled, nextMs) : 'at once, for it has no start time';
    // What lies before it is past, or was missed; the rest of the list begins with it.
    entries.push({ kind: 'run', atMs: nextMs, local: localText(zone, nextMs), note });
    made += 1;
    fromMs = nextMs + 1;
  }
  if (recurrence === undefined) {
    const isDue = made === 0 && anchorMs >= fromMs && anchorMs < untilMs;
    return isDue ? [{ kind: 'run', atMs: anchorMs, local: localText(zone, anchorMs), note: undefined }] : entries;
  }
  const compiled = compile(timetable, recurrence);
  const end = Math.min(untilMs, compiled.endMs + 1);
  for (let tries = 0; tries < MAX_SKIPPED && entries.length < limit; tries++) {
    if (recurrence.count !== undefined && made >= recurrence.count) break;
    const atMs = compiled.instants.ceil(fromMs);
    entries.push(...leaptOver(compiled, fromMs, Math.min(atMs ?? Infinity, end)));
    if (atMs === undefined || atMs >= end) break;
    const entry = entryAt(compiled, atMs);
    entries.push(entry.shown);
    made += entry.shown.kind === 'run' ? 1 : 0;
    fromMs = entry.thenMs;
  }
  return entries.slice(0, limit);
}

function entryAt(compiled: Compiled, atMs: number): { readonly shown: PreviewEntry; readonly thenMs: number } {
  const { instants, exclusions } = compiled;
  const local = localText(instants.zone, atMs);
  const excluded = exclusionAt(exclusions, atMs);
  if (excluded === undefined)
    return { shown: { kind: 'run', atMs, local, note: noteOf(compiled, atMs) }, thenMs: atMs + 1 };
  const thenMs = Math.max(atMs + 1, excluded.untilMs);
  const more = instants.countBetween(atMs, Math.min(thenMs, compiled.endMs + 1)) - 1;
  const others = more > 0 ? `, and ${more} more until ${localText(instants.zone, thenMs)}` : '';
  return { shown: { kind: 'skipped', atMs, local, note: `${excluded.name}${others}` }, thenMs };
}

/** Pieces of the zone that are looked at between two runs: as many as two centuries have. */
const MAX_PIECES = 1000;

/** Occurrences from `fromMs` until `toMs` that the clock leaps over and the policy leaves out. */
function leaptOver({ instants }: Compiled, fromMs: number, toMs: number): readonly PreviewEntry[] {
  const { zone, changes, calendar } = instants;
  if (calendar === undefined || changes.gap !== 'skip') return [];
  const entries: PreviewEntry[] = [];
  let piece = zone.pieceAt(fromMs);
  for (let pieces = 0; pieces < MAX_PIECES && piece.toMs < toMs; pieces++) {
    piece = zone.pieceAt(piece.toMs);
    const end = piece.fromMs + piece.offsetMs;
    let wall = calendar.ceil(piece.fromMs + piece.beforeMs);
    while (wall !== undefined && wall < end) {
      const note = `${timeText(wall)} does not exist on that day: ${leap(piece)} (gap: skip)`;
      entries.push({ kind: 'skipped', atMs: piece.fromMs, local: localText(zone, piece.fromMs), note });
      wall = calendar.ceil(wall + 1);
    }
  }
  return entries;
}

/** What a clock change has to do with a run, if anything. */
function noteOf({ instants }: Compiled, atMs: number): string | undefined {
  const { zone, changes, calendar } = instants;
  if (calendar === undefined) return undefined;
  const piece = zone.pieceAt(atMs);
  const wall = atMs + piece.offsetMs;
  const gapMs = piece.offsetMs - piece.beforeMs;
  if (gapMs > 0 && atMs < piece.fromMs + gapMs && calendar.ceil(wall) !== wall) {
    const meant = changes.gap === 'shift' ? atMs + piece.beforeMs : calendar.ceil(piece.fromMs + piece.beforeMs);
    return `${timeText(meant ?? wall)} does not exist on that day: ${leap(piece)} (gap: ${changes.gap})`;
  }
  if (gapMs < 0 && wall < piece.fromMs + piece.beforeMs)
    return `${timeText(wall)} comes twice on that day; this is the second (overlap: ${changes.overlap})`;
  if (wall >= piece.toMs + piece.afterMs)
    return `${timeText(wall)} comes twice on that day; this is the first (overlap: ${changes.overlap})`;
  return undefined;
}

function leap(piece: Piece): string {
  return `the clock goes from ${timeText(piece.fromMs + piece.beforeMs)} to ${timeText(piece.fromMs + piece.offsetMs)}`;
}

function timeText(wallMs: number): string {
  return new Date(wallMs).toISOString().slice(11, 16);
}

/** `2026-03-29 03:30:00 +02:00` */
export function localText(zone: Zone, atMs: number): string {
  const wall = wallOf(zone, atMs);
  const offset = Math.round((wall - atMs) / 60_000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const ahead = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  return `${new Date(wall).toISOString().slice(0, 19).replace('T', ' ')} ${ahead}`;
}
