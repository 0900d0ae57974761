import { given, numberOf, usage } from './option-values.ts';
import { importCron, type ImportedRecurrence } from './recurrence/cron.ts';
import { WEEKDAYS, type MonthlyOccurrence, type Weekday } from './recurrence/rule.ts';

/** What `forewarn job create` and `update` are told of a job's calendar, as it was typed. */
export interface ScheduleWords {
  readonly start?: string;
  readonly frequency?: string;
  readonly interval?: string;
  readonly count?: string;
  readonly end?: string;
  readonly timeZone?: string;
  readonly minutes?: string;
  readonly hours?: string;
  readonly weekDays?: string;
  readonly monthDays?: string;
  readonly monthlyOccurrences?: string;
  readonly months?: string;
  readonly cron?: string;
  readonly clockGap?: string;
  readonly clockOverlap?: string;
  readonly exclude?: string;
  readonly blackouts?: string;
}

/** More are in no list; a range like 1-999999999 is a mistake. */
const MAX_LISTED = 100;

const MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];
const NTH = ['first', 'second', 'third', 'fourth', 'fifth'];

/**
 * The `recurrence` that the words say; undefined where they say nothing of one. `isNew`: nothing is there that it is merged
 * with, so that a list of weekdays is weekly, one of month days monthly, and any other daily, unless `--frequency` says so.
 * Values are the scheduler's to judge; refused here (`JOB_OPTIONS`) is what cannot be read.
 */
export function recurrenceOf(words: ScheduleWords, isNew: boolean): Record<string, unknown> | undefined {
  const rule = words.cron === undefined ? listed(words, isNew) : ofCron(words, words.cron, isNew);
  return given({
    ...rule,
    interval: numberOf('--interval', words.interval) ?? rule['interval'],
    count: numberOf('--count', words.count),
    endTime: words.end,
    timeZone: words.timeZone,
    clockChanges: given({ gap: words.clockGap, overlap: words.clockOverlap }) ?? rule['clockChanges'],
    excludedDates: textsOf('--exclude', words.exclude),
    blackouts: textsOf('--blackouts', words.blackouts),
  });
}

function listed(words: ScheduleWords, isNew: boolean): Record<string, unknown> {
  const hours = numbersOf('--hours', words.hours);
  // The scheduler takes the minute of the start. Where nobody said when that is, nine o'clock is 9:00 and not 9:37.
  const isOnTheHour = isNew && words.start === undefined && words.minutes === undefined && Array.isArray(hours);
  const schedule = given({
    minutes: isOnTheHour ? [0] : numbersOf('--minutes', words.minutes),
    hours,
    weekDays: listOf('--week-days', words.weekDays, (part) =>
      ranged(part, (text) => weekdayOf('--week-days', text), WEEKDAYS),
    ),
    monthDays: numbersOf('--month-days', words.monthDays),
    monthlyOccurrences: listOf('--monthly-occurrences', words.monthlyOccurrences, (part) => [occurrenceOf(part)]),
    months: numbersOf('--months', words.months, MONTHS),
  });
  return { frequency: words.frequency ?? (isNew ? frequencyOf(schedule) : undefined), schedule };
}

/** Whether the words say at which times it runs, so that it is not meant to run at once as well. */
export function saysTimes(words: ScheduleWords): boolean {
  return words.cron !== undefined || LISTS.some((key) => words[key] !== undefined);
}

function frequencyOf(schedule: Record<string, unknown> | undefined): string | undefined {
  if (schedule === undefined) return undefined;
  if (schedule['weekDays'] !== undefined) return 'week';
  return schedule['monthDays'] === undefined && schedule['monthlyOccurrences'] === undefined ? 'day' : 'month';
}

const LISTS = ['minutes', 'hours', 'weekDays', 'monthDays', 'monthlyOccurrences', 'months'] as const;

/** What `--cron` says itself. */
const SAID_BY_CRON = ['frequency', 'interval', ...LISTS] as const;

function ofCron(words: ScheduleWords, expression: string, isNew: boolean): Record<string, unknown> {
  const other = SAID_BY_CRON.find((key) => words[key] !== undefined);
  if (other !== undefined) throw usage(`--cron: says what ${optionOf(other)} would say as well; give one of them`);
  const imported = importCron(expression);
  if (imported.kind === 'refused')
    throw usage(`--cron: '${expression}' cannot become a recurrence: ${imported.reason}`);
  const { clockChanges, schedule, ...rest } = imported.recurrence;
  return {
    ...rest,
    schedule: isNew ? schedule : replacing(schedule),
    // Only a clock that changes needs to know.
    clockChanges: words.timeZone === undefined ? undefined : clockChanges,
  };
}

/** A patch leaves the lists that are there and are not named; an explicit null takes them away. */
function replacing(schedule: ImportedRecurrence['schedule']): Record<string, unknown> | null {
  if (schedule === undefined) return null;
  const none = { minutes: null, hours: null, weekDays: null, monthDays: null, monthlyOccurrences: null, months: null };
  return { ...none, ...schedule };
}

function optionOf(key: string): string {
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `1,3-5`; null for "none", which takes a list away that is there. */
function listOf<Item>(
  option: string,
  text: string | undefined,
  read: (part: string) => readonly Item[],
): readonly Item[] | null | undefined {
  if (text === undefined) return undefined;
  if (text.trim().toLowerCase() === 'none') return null;
  const items = text.split(',').flatMap((part) => read(part.trim()));
  if (items.length > MAX_LISTED) throw usage(`${option}: more than ${MAX_LISTED} values`);
  return items;
}

function textsOf(option: string, text: string | undefined): readonly string[] | null | undefined {
  return listOf(option, text, (part) => [part]);
}

function numbersOf(
  option: string,
  text: string | undefined,
  names: readonly string[] = [],
): readonly number[] | null | undefined {
  const numberIn = (word: string): number => {
    const named = word.length < 3 ? -1 : names.findIndex((name) => name.startsWith(word.toLowerCase()));
    if (named >= 0) return named + 1;
    if (/^-?\d{1,3}$/.test(word)) return Number(word);
    throw usage(`${option}: expected whole numbers like 1,15 or 9-17, got ${JSON.stringify(text)}`);
  };
  return listOf(option, text, (part) => {
    const [, from, to] = /^([^-]+)-([^-]+)$/.exec(part) ?? [];
    if (from === undefined || to === undefined) return [numberIn(part)];
    const [first, last] = [numberIn(from), numberIn(to)];
    if (last < first || last - first >= MAX_LISTED) throw usage(`${option}: ${JSON.stringify(part)} is no range`);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** `mon-fri`, through the end of the week where it has to. */
function ranged(part: string, read: (text: string) => Weekday, all: readonly Weekday[]): readonly Weekday[] {
  const [, from, to] = /^([^-]+)-([^-]+)$/.exec(part) ?? [];
  if (from === undefined || to === undefined) return [read(part)];
  const first = all.indexOf(read(from));
  const length = ((all.indexOf(read(to)) - first + all.length) % all.length) + 1;
  return [...all, ...all].slice(first, first + length);
}

function weekdayOf(option: string, text: string): Weekday {
  const wanted = text.trim().toLowerCase();
  const found = wanted.length < 2 ? undefined : WEEKDAYS.find((day) => day.startsWith(wanted));
  if (found !== undefined) return found;
  throw usage(`${option}: expected weekdays like monday or mon-fri, got ${JSON.stringify(text)}`);
}

/** `friday:1`, `friday:-1`, `first friday`, `last friday`, or `friday` for every one of the month. */
function occurrenceOf(part: string): MonthlyOccurrence {
  const option = '--monthly-occurrences';
  const [, day, number] = /^(\w+)(?::(-?\d))?$/.exec(part) ?? [];
  if (day !== undefined) {
    return { day: weekdayOf(option, day), ...(number === undefined ? {} : { occurrence: Number(number) }) };
  }
  const [, nth = '', named = ''] = /^(\w+)\s+(\w+)$/.exec(part) ?? [];
  const occurrence = nth.toLowerCase() === 'last' ? -1 : NTH.indexOf(nth.toLowerCase()) + 1;
  if (occurrence === 0)
    throw usage(`${option}: expected days like friday:1, "first friday" or "last friday", got ${JSON.stringify(part)}`);
  return { day: weekdayOf(option, named), occurrence };
}
