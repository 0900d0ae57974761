import { describe, expect, it } from 'vitest';
import { formatDuration, parseDurationOrUndefined } from '../../../common/runtime/duration.ts';

describe('durations', () => {
  it.each([
    ['250ms', 250],
    ['1.5s', 1500],
    ['15m', 900_000],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['0s', 0],
  ])('read %s as %i ms', (text, ms) => {
    expect(parseDurationOrUndefined(text)).toBe(ms);
  });

  it.each(['', '30', 's', '-1s', '1 s', '1s ', '1w', '1s2', 'Infinitys'])('refuse %j', (text) => {
    expect(parseDurationOrUndefined(text)).toBeUndefined();
  });

  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [3449, '3.4 s'],
    [90_061_000, '1d 1h 1m 1s'],
    [-5000, '-5.0 s'],
  ])('print %i ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
