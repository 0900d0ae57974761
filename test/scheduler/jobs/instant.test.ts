import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { descendingTicks, formatInstant, formatMs, parseInstantOrUndefined } from '../../../scheduler/jobs/instant.ts';

const echo = (text: string): string | undefined => {
  const instant = parseInstantOrUndefined(text);
  return instant === undefined ? undefined : formatInstant(instant);
};

describe('an instant', () => {
  it.each([
    ['2017-02-09T23:55:25.5648511Z', '2017-02-09T23:55:25.5648511Z'],
    ['2017-02-09T23:55:55.469507Z', '2017-02-09T23:55:55.469507Z'],
    ['2017-02-09T23:55:45.2160000Z', '2017-02-09T23:55:45.216Z'],
    ['2017-02-09T23:55:45Z', '2017-02-09T23:55:45Z'],
    ['2013-01-09T09:30:00-08:00', '2013-01-09T17:30:00Z'],
    ['2012-08-04T00:00Z', '2012-08-04T00:00:00Z'],
    ['2012-11-04', '2012-11-04T00:00:00Z'],
    // Without an offset it is UTC.
    ['2012-11-04T10:00:00', '2012-11-04T10:00:00Z'],
    // More digits than a tick has are rounded, as the real service does.
    ['2017-01-01T00:00:16.9049999999999999Z', '2017-01-01T00:00:16.905Z'],
    ['2017-01-01T00:00:59.99999999Z', '2017-01-01T00:01:00Z'],
  ])('%s is shown as %s', (text, shown) => {
    expect(echo(text)).toBe(shown);
  });

  it.each([
    '',
    'tomorrow',
    '2017-02-30',
    '2017-13-01',
    '2017-01-01T24:00:00Z',
    '2017-01-01T00:61Z',
    '0001-01-01',
    '2017-01-01T00:00:00+15:00',
  ])('is not %j', (text) => {
    expect(parseInstantOrUndefined(text)).toBeUndefined();
  });

  it('sorts the newest first in the ticks of a history id', () => {
    // A recorded id of 2016-03-30 begins with 02519429304061978048; below the millisecond it had 1951 ticks more.
    expect(descendingTicks(Date.parse('2016-03-30T20:39:53.802Z'))).toBe('02519429304061979999');
    expect(descendingTicks(1000) > descendingTicks(2000)).toBe(true);
  });
});

it('whole milliseconds are written as any other instant', () => {
  fc.assert(
    fc.property(fc.integer({ min: -2_000_000_000_000, max: 4_000_000_000_000 }), (ms) => {
      expect(formatMs(ms)).toBe(formatInstant({ ms, subTicks: 0 }));
    }),
  );
  expect(formatMs(Date.parse('2017-02-09T23:55:45.210Z'))).toBe('2017-02-09T23:55:45.21Z');
  expect(formatMs(Date.parse('2017-02-09T23:55:45Z'))).toBe('2017-02-09T23:55:45Z');
});
