import { WEEKDAYS, type ClockChanges, type Frequency, type MonthlyOccurrence, type Weekday } from './rule.ts';

/** What a cron expression becomes, or why it cannot become a recurrence. */
export type CronImport =
  | { readonly kind: 'recurrence'; readonly recurrence: ImportedRecurrence }
  | { readonly kind: 'refused'; readonly reason: string };

export interface ImportedRecurrence {
  readonly frequency: Frequency;
  readonly interval: 1;
  readonly schedule?: {
    readonly months?: readonly number[];
    readonly monthDays?: readonly number[];
    readonly monthlyOccurrences?: readonly MonthlyOccurrence[];
    readonly weekDays?: readonly Weekday[];
    readonly hours?: readonly number[];
    readonly minutes?: readonly number[];
  };
  /** What cron does at clock changes, where it is not what this scheduler does anyway. Only of use with a time zone. */
  readonly clockChanges?: ClockChanges;
}

const MACROS: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
};

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const SUNDAY_FIRST = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** Thrown inside this file only: what `importCron` refuses, and why. */
class Refusal extends Error {}

/**
 * Reads a cron expression: five fields, or six with seconds first, or the macros; names, ranges, steps, `L` and `#`. What a
 * recurrence cannot say is refused, never approximated.
 */
export function importCron(expression: string): CronImport {
  try {
    return { kind: 'recurrence', recurrence: toRecurrence(expression) };
  } catch (error) {
    if (error instanceof Refusal) return { kind: 'refused', reason: error.message };
    throw error;
  }
}

function toRecurrence(expression: string): ImportedRecurrence {
  const text = expression.trim();
  if (text.toLowerCase() === '@reboot')
    throw new Refusal('@reboot is no time; a systemd unit can start something at boot.');
  const { minutes, hours, days, months, weekdays } = fieldsOf(MACROS[text.toLowerCase()] ?? text);
  const minuteList = numbers('minute', minutes, { least: 0, most: 59, names: [] });
  const hourList = numbers('hour', hours, { least: 0, most: 23, names: [] });
  const monthList = numbers('month', months, { least: 1, most: 12, names: MONTHS });
  const dayList = daysOfMonth(days);
  const dayNames = weekdaysOf(weekdays);
  const time = {
    ...(monthList === undefined ? {} : { months: monthList }),
    ...(hourList === undefined ? {} : { hours: hourList }),
    minutes: minuteList ?? Array.from({ length: 60 }, (_, minute) => minute),
  };
  // With every hour cron counts time that passes: nothing is left out or run less often when the clock is put back.
  const everyHour = hourList === undefined ? { clockChanges: { gap: 'skip', overlap: 'both' } as const } : {};
  if (dayList !== undefined && dayNames !== undefined) {
    throw new Refusal(
      'it names days of the month and weekdays: cron runs when either matches, a recurrence when both do; make two jobs of it.',
    );
  }
  if (dayList !== undefined) {
    return { frequency: 'month', interval: 1, schedule: { monthDays: dayList, ...time }, ...everyHour };
  }
  if (dayNames === undefined) {
    if (hourList !== undefined || monthList !== undefined)
      return { frequency: 'day', interval: 1, schedule: time, ...everyHour };
    return minuteList === undefined
      ? { frequency: 'minute', interval: 1 }
      : { frequency: 'hour', interval: 1, schedule: { minutes: minuteList } };
  }
  if (dayNames.every(({ occurrence }) => occurrence === undefined)) {
    return {
      frequency: 'week',
      interval: 1,
      schedule: { weekDays: dayNames.map(({ day }) => day), ...time },
      ...everyHour,
    };
  }
  return { frequency: 'month', interval: 1, schedule: { monthlyOccurrences: dayNames, ...time }, ...everyHour };
}

interface Fields {
  readonly minutes: string;
  readonly hours: string;
  readonly days: string;
  readonly months: string;
  readonly weekdays: string;
}

function fieldsOf(text: string): Fields {
  const fields = text.split(/\s+/);
  if (text.startsWith('@')) throw new Refusal(`${text} is not known; known are ${Object.keys(MACROS).join(', ')}.`);
  if (fields.length < 5 || fields.length > 7) {
    throw new Refusal(
      `expected five fields (minute, hour, day, month, weekday), got ${text === '' ? 0 : fields.length}.`,
    );
  }
  const year = fields.length === 7 ? fields.pop() : undefined;
  if (year !== undefined && year !== '*' && year !== '?') {
    throw new Refusal(`it names the year ${year}; give the job a startTime and an endTime instead.`);
  }
  const seconds = fields.length === 6 ? fields.shift() : undefined;
  if (seconds !== undefined && !/^0+$/.test(seconds)) {
    throw new Refusal(`it names the seconds ${seconds}; a job runs at most once a minute, at its beginning.`);
  }
  const [minutes = '', hours = '', days = '', months = '', weekdays = ''] = fields;
  if (seconds !== undefined && text.includes('?') && /(^|[,-])\d/.test(weekdays)) {
    throw new Refusal(
      `whether weekday ${weekdays} counts Sunday as 1 (Quartz) or 0 (cron) cannot be told; write it as a name.`,
    );
  }
  return { minutes, hours, days, months, weekdays };
}

interface Range {
  readonly least: number;
  readonly most: number;
  /** Names of the values from `least` on. */
  readonly names: readonly string[];
}

/** The sorted values of a field; undefined: all of them. */
function numbers(what: string, field: string, range: Range): readonly number[] | undefined {
  if (field === '*' || field === '?') return undefined;
  const values = new Set(field.split(',').flatMap((part) => valuesOf(what, part, range)));
  const all = range.most - range.least + 1;
  return values.size === all ? undefined : [...values].sort((a, b) => a - b);
}

function valuesOf(what: string, part: string, range: Range): readonly number[] {
  const match = /^(\*|\?|[^-/]+)(?:-([^-/]+))?(?:\/(\d+))?$/.exec(part);
  const [, from = '', to, step] = match ?? [];
  if (match === null || (from === '*' && to !== undefined))
    throw new Refusal(`the ${what} '${part}' is none that is known.`);
  const stepped = step === undefined ? 1 : Number(step);
  if (stepped < 1) throw new Refusal(`the ${what} '${part}' has a step of 0.`);
  const first = from === '*' || from === '?' ? range.least : valueOf(what, from, range);
  const last = to !== undefined ? valueOf(what, to, range) : from === '*' || step !== undefined ? range.most : first;
  if (last < first) throw new Refusal(`the ${what} '${part}' ends before it begins.`);
  return Array.from({ length: Math.floor((last - first) / stepped) + 1 }, (_, index) => first + index * stepped);
}

function valueOf(what: string, text: string, { least, most, names }: Range): number {
  const name = names.indexOf(text.slice(0, 3).toLowerCase());
  const value = /^\d+$/.test(text) ? Number(text) : name === -1 ? Number.NaN : name + least;
  if (value >= least && value <= most) return value;
  throw new Refusal(`the ${what} '${text}' is not from ${least} to ${most}${names.length > 0 ? ', and no name' : ''}.`);
}

function daysOfMonth(field: string): readonly number[] | undefined {
  if (/w/i.test(field)) throw new Refusal(`'${field}' means the nearest workday (W), which a recurrence cannot say.`);
  const plain: string[] = [];
  const fromEnd: number[] = [];
  for (const part of field.split(',')) {
    const last = /^l(?:-(\d+))?$/i.exec(part);
    if (last === null) plain.push(part);
    else fromEnd.push(-1 - Number(last[1] ?? 0));
  }
  if (fromEnd.some((day) => day < -31)) throw new Refusal(`'${field}' goes further back than a month.`);
  if (plain.length === 0) return fromEnd;
  const listed = numbers('day of the month', plain.join(','), { least: 1, most: 31, names: [] });
  return listed === undefined ? undefined : [...listed, ...fromEnd];
}

function weekdaysOf(field: string): readonly MonthlyOccurrence[] | undefined {
  if (field === '*' || field === '?') return undefined;
  const range: Range = { least: 0, most: 7, names: SUNDAY_FIRST };
  const found = field.split(',').flatMap((part): readonly MonthlyOccurrence[] => {
    const special = /^([^#]+?)(?:(l)|#(\d))$/i.exec(part);
    if (special === null) return valuesOf('weekday', part, range).map((value) => ({ day: weekday(value) }));
    const [, day = '', , nth] = special;
    const occurrence = nth === undefined ? -1 : Number(nth);
    if (occurrence === 0 || occurrence > 5)
      throw new Refusal(`the weekday '${part}' is not from the first to the fifth of a month.`);
    return [{ day: weekday(valueOf('weekday', day, range)), occurrence }];
  });
  const plain = new Set(found.filter(({ occurrence }) => occurrence === undefined).map(({ day }) => day));
  if (plain.size === WEEKDAYS.length) return undefined;
  const special = found.filter(({ day, occurrence }) => occurrence !== undefined && !plain.has(day));
  return [...WEEKDAYS.filter((day) => plain.has(day)).map((day) => ({ day })), ...special];
}

/** Cron counts from Sunday, which is 0 and 7. */
function weekday(value: number): Weekday {
  return WEEKDAYS[(value + 6) % 7] ?? 'sunday';
}
