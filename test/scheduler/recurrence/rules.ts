import { nextOccurrence, type Recurrence, type Timetable } from '../../../scheduler/recurrence.ts';
import type { Schedule } from '../../../scheduler/recurrence/rule.ts';

/** A timetable from what matters to a test; every day from a Thursday, the beginning of 2026, otherwise. */
export function timetable(rule: Partial<Recurrence> = {}, start = '2026-01-01T00:00:00Z'): Timetable {
  return {
    anchorMs: Date.parse(start),
    recurrence: { frequency: 'day', interval: 1, count: undefined, endMs: undefined, ...rule },
  };
}

export function scheduled(frequency: Recurrence['frequency'], schedule: Schedule, start?: string): Timetable {
  return timetable({ frequency, schedule }, start);
}

/** The first `count` occurrences from `from` (or the start) on, as `2026-01-01T05:15Z`; seconds only where there are any. */
export function occurrences(table: Timetable, count: number, from = table.anchorMs): readonly string[] {
  const found: string[] = [];
  let afterMs = from - 1;
  while (found.length < count) {
    const next = nextOccurrence(table, { afterMs, made: 0 });
    if (next === undefined) break;
    found.push(short(next));
    afterMs = next;
  }
  return found;
}

export function short(atMs: number): string {
  return new Date(atMs).toISOString().replace(/(:00)?\.000Z$/, 'Z');
}
