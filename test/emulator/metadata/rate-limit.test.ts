import { describe, expect, it } from 'vitest';
import { takeOne, type Bucket } from '../../../emulator/metadata/rate-limit.ts';

/** How many of `times` (monotonic milliseconds) are let in at five a second. */
function admitted(times: readonly number[]): number {
  let bucket: Bucket | undefined;
  return times.filter((nowMs) => {
    const next = takeOne(bucket, 5, nowMs);
    bucket = next ?? bucket;
    return next !== undefined;
  }).length;
}

describe('five requests a second', () => {
  it('may come at once, and the sixth is one too many', () => {
    expect(admitted([0, 0, 0, 0, 0, 0])).toBe(5);
  });

  it('fill up evenly: one more every 200 ms', () => {
    expect(admitted([0, 0, 0, 0, 0, 199, 200, 200, 400])).toBe(7);
  });

  it('do not pile up while nobody asks', () => {
    expect(admitted([0, ...Array.from({ length: 20 }, () => 3_600_000)])).toBe(6);
  });

  it('are never a problem for a client that asks once a second', () => {
    expect(admitted(Array.from({ length: 100 }, (_, second) => second * 1000))).toBe(100);
  });
});
