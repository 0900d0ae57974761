import { RRuleTemporal } from 'rrule-temporal';
import { WEEKDAYS, type Frequency } from '../../../scheduler/recurrence/rule.ts';
import type { RandomRule } from './random-rules.ts';

const NAMES: Readonly<Record<Frequency, string>> = {
  minute: 'MINUTELY',
  hour: 'HOURLY',
  day: 'DAILY',
  week: 'WEEKLY',
  month: 'MONTHLY',
  year: 'YEARLY',
};

/**
 * The rule in iCalendar's words, UTC. Two defaults differ and are written out: minutes without hours mean every hour here, the
 * start's hour there; a year without months means the start's month here, all of them there.
 */
export function toICalendar({ rule, startMs }: RandomRule, timeZone?: string): string {
  const { minutes, hours, weekDays, monthDays, monthlyOccurrences, months } = rule.schedule ?? {};
  const start = new Date(startMs);
  const isOfDays = rule.frequency !== 'minute' && rule.frequency !== 'hour';
  const hasDays = monthDays !== undefined || monthlyOccurrences !== undefined;
  const byHour =
    hours ?? (minutes !== undefined && isOfDays ? Array.from({ length: 24 }, (_, hour) => hour) : undefined);
  const byMonth = months ?? (rule.frequency === 'year' && hasDays ? [start.getUTCMonth() + 1] : undefined);
  const short = (day: string): string => day.slice(0, 2).toUpperCase();
  const byDay =
    weekDays?.map(short) ?? monthlyOccurrences?.map(({ day, occurrence }) => `${occurrence ?? ''}${short(day)}`);
  const part = (name: string, list: readonly (string | number)[] | undefined): string[] =>
    list === undefined ? [] : [`${name}=${list.join(',')}`];
  const parts = [
    `FREQ=${NAMES[rule.frequency]}`,
    `INTERVAL=${rule.interval}`,
    'WKST=MO',
    ...part('BYMONTH', byMonth),
    ...part('BYMONTHDAY', monthDays),
    ...part('BYDAY', byDay),
    ...part('BYHOUR', byHour),
    ...part('BYMINUTE', minutes),
    ...(rule.count === undefined ? [] : [`COUNT=${rule.count}`]),
  ];
  const stamp = start.toISOString().replace(/[-:]|\.\d+/g, '');
  const from = timeZone === undefined ? `DTSTART:${stamp}` : `DTSTART;TZID=${timeZone}:${stamp.slice(0, -1)}`;
  return `${from}\nRRULE:${parts.join(';')}`;
}

/** The weekdays as cron and iCalendar number them, for peers that want them so. */
export const SUNDAY_FIRST = [...WEEKDAYS.slice(6), ...WEEKDAYS.slice(0, 6)];

/** The first occurrences by rrule-temporal, epoch milliseconds. It throws once it has searched `maxIterations` periods. */
export function peerOccurrences(rule: RandomRule, count: number, maxIterations: number): readonly number[] {
  const peer = new RRuleTemporal({ rruleString: toICalendar(rule), maxIterations });
  return peer.all((_date: unknown, index: number) => index < count).map((date) => date.epochMilliseconds);
}
