import { z } from 'zod';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Parses an operator's duration: a non-negative number with a unit, `250ms`, `1.5s`, `15m`, `24h`, `7d`, or several in
 * descending order, `1m30s`. Returns milliseconds, or undefined when the text is no duration.
 */
export function parseDurationOrUndefined(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(amount) * (UNIT_MS[unit ?? ''] ?? Number.NaN);
  }
  return Math.round(total);
}

/** A settings key that holds a duration; its value in the parsed settings is milliseconds. */
export const durationSchema = z.string({ error: expectedDuration }).transform((text, context) => {
  const ms = parseDurationOrUndefined(text);
  if (ms === undefined) {
    context.addIssue({
      code: 'custom',
      message: `expected a duration like "30s" or "1m30s", got ${JSON.stringify(text)}`,
    });
    return z.NEVER;
  }
  return ms;
});

function expectedDuration(issue: { input?: unknown }): string {
  return `expected a duration like "30s" or "1m30s", got ${JSON.stringify(issue.input) ?? 'nothing'}`;
}

/** `90061000` → `1d 1h 1m 1s`; below a minute with tenths, `3.4 s`; below a second `250 ms`. For people. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  let rest = Math.round(ms / 1000);
  const parts: string[] = [];
  for (const [unit, seconds] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    const amount = Math.floor(rest / seconds);
    rest -= amount * seconds;
    if (amount > 0) parts.push(`${amount}${unit}`);
  }
  return parts.join(' ');
}
