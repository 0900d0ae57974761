import { Cron } from 'croner';
import { RRuleTemporal } from 'rrule-temporal';
import { nextOccurrence, type Recurrence } from '../../scheduler/recurrence.ts';
import { SUNDAY_FIRST, toICalendar } from '../scheduler/recurrence/peers.ts';
import { median, type Figure } from './figures.ts';

const ROUNDS = 5;
const SLICE_MS = 150;

interface Case {
  readonly name: string;
  readonly rule: Partial<Recurrence>;
  readonly cron: string;
}

const CASES: readonly Case[] = [
  {
    name: 'every 15 minutes of office hours on workdays',
    rule: {
      frequency: 'week',
      schedule: {
        minutes: [0, 15, 30, 45],
        hours: [9, 10, 11, 12, 13, 14, 15, 16],
        weekDays: SUNDAY_FIRST.slice(1, 6),
      },
    },
    cron: '0,15,30,45 9-16 * * 1-5',
  },
  {
    name: 'the last day of the month at six',
    rule: { frequency: 'month', schedule: { minutes: [0], hours: [6], monthDays: [-1] } },
    cron: '0 6 L * *',
  },
  {
    name: 'every fifth Friday of a month at five',
    rule: {
      frequency: 'month',
      schedule: { minutes: [0], hours: [5], monthlyOccurrences: [{ day: 'friday', occurrence: 5 }] },
    },
    cron: '0 5 * * 5#5',
  },
  {
    name: 'every 29 February at noon',
    rule: { frequency: 'year', schedule: { minutes: [0], hours: [12], months: [2], monthDays: [29] } },
    cron: '0 12 29 2 *',
  },
  {
    name: 'every day at 02:30 in Berlin',
    rule: { frequency: 'day', schedule: { minutes: [30], hours: [2] }, timeZone: 'Europe/Berlin' },
    cron: '30 2 * * *',
  },
];

/** The rule begins here, and each is asked for what comes after moments of the next year. */
const START_MS = Date.UTC(2026, 0, 1);
const ASKED_MS = Array.from(
  { length: 64 },
  (_, index) => START_MS + Math.floor((index * 366 * 86_400_000) / 64) + 12_345_678,
);

/** Cost of the next occurrence beside two libraries that are known to be right; all of them with the rule read once. */
export function measureRecurrence(): readonly Figure[] {
  return CASES.map(({ name, rule, cron }) => {
    const recurrence: Recurrence = { frequency: 'day', interval: 1, count: undefined, endMs: undefined, ...rule };
    const table = { anchorMs: START_MS, recurrence };
    const calendar = new RRuleTemporal({
      rruleString: toICalendar({ seed: 0, startMs: START_MS, rule: recurrence }, recurrence.timeZone),
    });
    const crontab = new Cron(cron, { timezone: recurrence.timeZone ?? 'UTC' });
    const ours = (atMs: number): number | undefined => nextOccurrence(table, { afterMs: atMs, made: 0 });
    const byRule = (atMs: number): number | undefined => calendar.next(new Date(atMs))?.epochMilliseconds;
    const byCron = (atMs: number): number | undefined => crontab.nextRun(new Date(atMs))?.getTime();
    for (const atMs of ASKED_MS) {
      const answers = [ours(atMs), byRule(atMs), byCron(atMs)];
      if (new Set(answers).size !== 1) throw new Error(`${name}: after ${atMs} the three say ${answers.join(', ')}`);
    }
    // They take turns, because the machine's speed drifts.
    const rounds = Array.from({ length: ROUNDS }, () => ({
      ours: costNs(ours),
      rrule: costNs(byRule),
      croner: costNs(byCron),
    }));
    const cost = (pick: (round: (typeof rounds)[number]) => number): number => median(rounds.map(pick));
    const ratio = (pick: (round: (typeof rounds)[number]) => number): string =>
      median(rounds.map((round) => pick(round) / round.ours)).toFixed(0);
    return {
      name: `next occurrence: ${name}`,
      ours: `${cost((round) => round.ours).toFixed(0)} ns`,
      limit: `rrule-temporal ${cost((round) => round.rrule).toFixed(0)} ns, croner ${cost((round) => round.croner).toFixed(0)} ns`,
      ratio: `${ratio((round) => round.rrule)} times as fast as rrule-temporal, ${ratio((round) => round.croner)} times as croner (at least 10)`,
    };
  });
}

function costNs(next: (atMs: number) => unknown): number {
  const began = performance.now();
  let asked = 0;
  let took = 0;
  do {
    for (const atMs of ASKED_MS) next(atMs);
    asked += ASKED_MS.length;
    took = performance.now() - began;
  } while (took < SLICE_MS);
  return (took / asked) * 1e6;
}
