/**
 * A moment as Azure Scheduler's clients send and compare it: to 100 nanoseconds (a .NET tick). A millisecond `Date` would
 * change what they sent: the real service echoes startTime, and shows nextExecutionTime, with all seven digits.
 */
export interface Instant {
  /** Epoch milliseconds, rounded down. */
  readonly ms: number;
  /** What is left below the millisecond, in ticks of 100 ns: 0 to 9999. */
  readonly subTicks: number;
}

const TICKS_PER_MS = 10_000;

/** 0001-01-01 to 1970-01-01 in ticks, and the last tick of the year 9999: the ends of .NET's DateTime. */
const EPOCH_IN_TICKS = 621_355_968_000_000_000n;
const MAX_TICKS = 3_155_378_975_999_999_999n;

const ISO_8601 =
  /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,18}))?)?(?:Z|([+-])(\d\d):?(\d\d))?|Z)?$/i;

/**
 * Parses an ISO 8601 date or date-time; without an offset it is UTC (Azure Scheduler, "Dates and DateTimes"). Digits past the
 * seventh are rounded. Undefined when the text is no such date (the 30th of February is none).
 */
export function parseInstantOrUndefined(text: string): Instant | undefined {
  const match = ISO_8601.exec(text.trim());
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match
    .slice(1, 7)
    .map((part: string | undefined) => Number(part ?? 0));
  if (year === undefined || month === undefined || day === undefined) return undefined;
  if (year < 1900 || (hour ?? 0) > 23 || (minute ?? 0) > 59 || (second ?? 0) > 59) return undefined;
  const midnightMs = Date.UTC(year, month - 1, day);
  // Date.UTC carries over what does not fit (30 February is 2 March), so the parts are compared with what came out.
  const midnight = new Date(midnightMs);
  if (midnight.getUTCMonth() !== month - 1 || midnight.getUTCDate() !== day) return undefined;
  const offsetHours = Number(match[9] ?? 0);
  const offsetMinutes = Number(match[10] ?? 0);
  // ±14:00 is the widest offset that .NET takes and that any country uses.
  if (offsetHours > 14 || offsetMinutes > 59) return undefined;
  const offsetMs = (match[8] === '-' ? -1 : 1) * (offsetHours * 60 + offsetMinutes) * 60_000;
  const seconds = ((hour ?? 0) * 60 + (minute ?? 0)) * 60 + (second ?? 0);
  const ticks = Math.round(Number(`0.${match[7] ?? '0'}`) * 1e7);
  const wholeMs = Math.floor(ticks / TICKS_PER_MS);
  return { ms: midnightMs + seconds * 1000 + wholeMs - offsetMs, subTicks: ticks % TICKS_PER_MS };
}

/** The service's own form: UTC, up to seven digits, no trailing zeros: `2017-02-09T23:55:45.216Z`, `2017-02-09T23:55:45Z`. */
export function formatInstant(instant: Instant): string {
  const iso = new Date(instant.ms).toISOString();
  const digits = `${iso.slice(20, 23)}${String(instant.subTicks).padStart(4, '0')}`.replace(/0+$/, '');
  return `${iso.slice(0, 19)}${digits === '' ? '' : `.${digits}`}Z`;
}

/** The newest answer of `formatMs`: what is due at one instant is told of it thousands of times. */
let formatted = { ms: 0, text: '1970-01-01T00:00:00Z' };

/** `formatInstant` of whole milliseconds. */
export function formatMs(ms: number): string {
  if (formatted.ms !== ms) formatted = { ms, text: formatInstant({ ms, subTicks: 0 }) };
  return formatted.text;
}

/**
 * Twenty digits that sort the newest first as text: the ticks that are left until the end of .NET's time. The first half of
 * the real service's history ids.
 */
export function descendingTicks(ms: number): string {
  return (MAX_TICKS - EPOCH_IN_TICKS - BigInt(ms) * BigInt(TICKS_PER_MS)).toString().padStart(20, '0');
}
