/** A stretch of every day, or of some weekdays, in a time zone. It may pass midnight: then it belongs to the day it began on. */
export interface DailyWindow {
  /** Minutes of the day; `to` is outside. Equal: the whole day. */
  readonly fromMinute: number;
  readonly toMinute: number;
  /** IANA name. */
  readonly zone: string;
  /** 1 (Monday) to 7; undefined: every day. */
  readonly weekdays: readonly number[] | undefined;
}

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** Is the moment (epoch milliseconds) inside? */
export function isWithin(window: DailyWindow, wallMs: number): boolean {
  const { minute, weekday } = localTime(window.zone, wallMs);
  const { fromMinute, toMinute, weekdays } = window;
  const passesMidnight = toMinute <= fromMinute;
  const isInside = passesMidnight
    ? minute >= fromMinute || minute < toMinute
    : minute >= fromMinute && minute < toMinute;
  if (!isInside) return false;
  const began = passesMidnight && minute < toMinute ? ((weekday + 5) % 7) + 1 : weekday;
  return weekdays === undefined || weekdays.includes(began);
}

/** Making one costs more than all else that is decided in a second; a policy names a zone or two. */
const FORMATS = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = FORMATS.get(zone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    weekday: 'short',
    hour: 'numeric',
    minute: 'numeric',
  });
  FORMATS.set(zone, format);
  return format;
}

/** What the clock on the wall of that zone shows. Intl is a table and no clock: the moment is given. */
function localTime(zone: string, wallMs: number): { readonly minute: number; readonly weekday: number } {
  const parts = formatOf(zone).formatToParts(wallMs);
  const part = (type: string): string => parts.find((one) => one.type === type)?.value ?? '';
  return {
    minute: Number(part('hour')) * 60 + Number(part('minute')),
    weekday: WEEKDAYS.indexOf(part('weekday')) + 1,
  };
}
