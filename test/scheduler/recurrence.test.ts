import fc from 'fast-check';
import { DateTime } from 'luxon';
import { describe, expect, it } from 'vitest';
import { FREQUENCIES, nextOccurrence, type Recurrence, type Timetable } from '../../scheduler/recurrence.ts';

const at = (text: string): number => Date.parse(text);
const every = (recurrence: Partial<Recurrence>): Recurrence => ({
  frequency: 'day',
  interval: 1,
  count: undefined,
  endMs: undefined,
  ...recurrence,
});

describe('a job without recurrence', () => {
  const once: Timetable = { anchorMs: at('2026-11-20T12:00:00Z'), recurrence: undefined };

  it('is due once, also when its time has passed', () => {
    expect(nextOccurrence(once, { afterMs: at('2026-11-19T00:00:00Z'), made: 0 })).toBe(once.anchorMs);
    expect(nextOccurrence(once, { afterMs: at('2026-11-21T00:00:00Z'), made: 0 })).toBe(once.anchorMs);
  });

  it('is never due again', () => {
    expect(nextOccurrence(once, { afterMs: once.anchorMs, made: 1 })).toBeUndefined();
  });
});

describe('a recurring job', () => {
  it.each([
    // The documentation's own example: every two days from the 7th at 14:00, asked on the 8th at 13:00.
    ['2 day', '2015-04-07T14:00:00Z', '2015-04-08T13:00:00Z', '2015-04-09T14:00:00Z'],
    ['2 day', '2015-04-05T14:00:00Z', '2015-04-08T13:00:00Z', '2015-04-09T14:00:00Z'],
    ['2 day', '2015-04-01T14:00:00Z', '2015-04-08T13:00:00Z', '2015-04-09T14:00:00Z'],
    ['2 day', '2015-04-01T14:00:00Z', '2015-04-09T14:00:00Z', '2015-04-11T14:00:00Z'],
    ['15 minute', '2026-11-20T12:00:30.216Z', '2026-11-20T12:00:30.216Z', '2026-11-20T12:15:30.216Z'],
    ['15 minute', '2026-11-20T12:00:00Z', '2026-11-20T11:00:00Z', '2026-11-20T12:00:00Z'],
    ['1000 hour', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', '2026-02-11T16:00:00Z'],
    // Weeks are a grid from the start, whatever day that is; clocks that change in spring do not move it.
    ['1 week', '2026-03-25T02:30:00Z', '2026-03-28T00:00:00Z', '2026-04-01T02:30:00Z'],
    ['1 month', '2026-01-15T08:00:00Z', '2026-01-15T08:00:00Z', '2026-02-15T08:00:00Z'],
    ['1 month', '2026-01-15T08:00:00Z', '2026-02-15T07:59:59.999Z', '2026-02-15T08:00:00Z'],
    // The 31st is the last day of a shorter month, and the 31st again afterwards.
    ['1 month', '2026-01-31T08:00:00Z', '2026-01-31T08:00:00Z', '2026-02-28T08:00:00Z'],
    ['1 month', '2026-01-31T08:00:00Z', '2026-02-28T08:00:00Z', '2026-03-31T08:00:00Z'],
    ['1 month', '2027-12-31T08:00:00Z', '2028-02-01T00:00:00Z', '2028-02-29T08:00:00Z'],
    ['18 month', '2026-01-31T08:00:00Z', '2026-02-01T00:00:00Z', '2027-07-31T08:00:00Z'],
    ['12 month', '2024-02-29T00:00:00Z', '2026-01-01T00:00:00Z', '2026-02-28T00:00:00Z'],
  ])('every %s from %s is next after %s due at %s', (unit, anchor, after, expected) => {
    const [interval, name] = unit.split(' ');
    const frequency = FREQUENCIES.find((known) => known === name) ?? 'day';
    const timetable = { anchorMs: at(anchor), recurrence: every({ frequency, interval: Number(interval) }) };
    const next = nextOccurrence(timetable, { afterMs: at(after), made: 0 });
    expect(new Date(next ?? 0).toISOString()).toBe(new Date(at(expected)).toISOString());
  });

  it('ends after its count', () => {
    const timetable = { anchorMs: 0, recurrence: every({ count: 3 }) };
    expect(nextOccurrence(timetable, { afterMs: 5, made: 2 })).toBe(86_400_000);
    expect(nextOccurrence(timetable, { afterMs: 5, made: 3 })).toBeUndefined();
  });

  it('still runs exactly at its end, and not after it', () => {
    const timetable = { anchorMs: 0, recurrence: every({ endMs: 2 * 86_400_000 }) };
    expect(nextOccurrence(timetable, { afterMs: 86_400_000, made: 2 })).toBe(2 * 86_400_000);
    expect(nextOccurrence(timetable, { afterMs: 2 * 86_400_000, made: 3 })).toBeUndefined();
  });

  it('ends with whichever of count and end is reached first', () => {
    const timetable = { anchorMs: 0, recurrence: every({ endMs: 10 * 86_400_000, count: 1 }) };
    expect(nextOccurrence(timetable, { afterMs: 0, made: 1 })).toBeUndefined();
  });

  it('is due when stepping through its grid one by one says so', () => {
    const limits = { minute: 1000, hour: 500, day: 100, week: 50, month: 18, year: 3 };
    fc.assert(
      fc.property(
        fc.constantFrom(...FREQUENCIES).chain((frequency) =>
          fc.record({
            frequency: fc.constant(frequency),
            interval: fc.integer({ min: 1, max: limits[frequency] }),
          }),
        ),
        fc.integer({ min: at('2015-01-01T00:00:00Z'), max: at('2026-01-01T00:00:00Z') }),
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: -3, max: 3 }),
        ({ frequency, interval }, anchorMs, steps, nudgeMs) => {
          const point = (step: number): number =>
            DateTime.fromMillis(anchorMs, { zone: 'utc' })
              .plus({ [frequency]: step * interval })
              .toMillis();
          const afterMs = point(steps) + nudgeMs;
          let step = 0;
          while (point(step) <= afterMs) step++;
          const timetable = { anchorMs, recurrence: every({ frequency, interval }) };
          expect(nextOccurrence(timetable, { afterMs, made: 0 })).toBe(point(step));
        },
      ),
      { numRuns: 300 },
    );
  });
});
