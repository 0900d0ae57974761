import { seededRandom, type RandomSource } from '../../../common/runtime/random.ts';
import { WEEKDAYS, type Frequency, type Recurrence, type Schedule } from '../../../scheduler/recurrence/rule.ts';

/** A rule made from a seed. Within what Azure Scheduler and iCalendar (RFC 5545) both have, so that others can be asked. */
export interface RandomRule {
  readonly seed: number;
  readonly rule: Recurrence;
  readonly startMs: number;
}

const LONGEST: Readonly<Record<Frequency, number>> = {
  minute: 1000,
  hour: 1000,
  day: 548,
  week: 78,
  month: 18,
  year: 8,
};
const FREQUENCIES = ['minute', 'hour', 'day', 'week', 'month', 'year'] as const;

/** A whole minute between 2000 and 2030, on one of the first 28 days of its month: later ones are where the two differ. */
function randomStart(random: RandomSource): number {
  const month = Math.floor(random.fraction() * 360);
  return Date.UTC(
    2000 + Math.floor(month / 12),
    month % 12,
    1 + Math.floor(random.fraction() * 28),
    0,
    Math.floor(random.fraction() * 1440),
  );
}

export function randomRule(seed: number, frequencies: readonly Frequency[] = FREQUENCIES): RandomRule {
  const random = seededRandom(seed);
  const frequency = oneOf(random, frequencies);
  // Mostly small intervals, as people write them, and now and then any.
  const most = random.fraction() < 0.7 ? Math.min(6, LONGEST[frequency]) : LONGEST[frequency];
  const interval = 1 + Math.floor(random.fraction() * most);
  const schedule = random.fraction() < 0.2 ? undefined : randomSchedule(random, frequency);
  return {
    seed,
    startMs: randomStart(random),
    rule: {
      frequency,
      interval,
      count: random.fraction() < 0.5 ? 1 + Math.floor(random.fraction() * 20) : undefined,
      endMs: undefined,
      ...(schedule === undefined || Object.keys(schedule).length === 0 ? {} : { schedule }),
    },
  };
}

function randomSchedule(random: RandomSource, frequency: Frequency): Schedule {
  const maybe = <Value>(chance: number, make: () => Value): Value | undefined =>
    random.fraction() < chance ? make() : undefined;
  const isOfMonths = frequency === 'month' || frequency === 'year';
  const isOfDays = frequency !== 'minute' && frequency !== 'hour';
  const parts: Schedule = {
    minutes: maybe(0.5, () => some(random, 4, () => Math.floor(random.fraction() * 60))),
    hours: maybe(0.5, () => some(random, 4, () => Math.floor(random.fraction() * 24))),
    weekDays: frequency === 'week' ? maybe(0.7, () => some(random, 4, () => oneOf(random, WEEKDAYS))) : undefined,
    monthDays: isOfMonths ? maybe(0.4, () => some(random, 4, () => signed(random, 31))) : undefined,
    monthlyOccurrences: isOfMonths
      ? maybe(0.4, () =>
          Array.from({ length: 1 + Math.floor(random.fraction() * 3) }, () => {
            const day = oneOf(random, WEEKDAYS);
            return random.fraction() < 0.3 ? { day } : { day, occurrence: signed(random, 5) };
          }),
        )
      : undefined,
    months: isOfDays ? maybe(0.25, () => some(random, 4, () => 1 + Math.floor(random.fraction() * 12))) : undefined,
  };
  return Object.fromEntries(Object.entries(parts).filter(([, list]) => list !== undefined));
}

function oneOf<Value>(random: RandomSource, values: readonly Value[]): Value {
  return values[Math.floor(random.fraction() * values.length)] as Value;
}

function some<Value>(random: RandomSource, most: number, make: () => Value): Value[] {
  return [...new Set(Array.from({ length: 1 + Math.floor(random.fraction() * most) }, make))];
}

function signed(random: RandomSource, most: number): number {
  const value = 1 + Math.floor(random.fraction() * most);
  return random.fraction() < 0.3 ? -value : value;
}
