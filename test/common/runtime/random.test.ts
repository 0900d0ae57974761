import { describe, expect, it } from 'vitest';
import { seededRandom, systemRandom, timeOrderedIds } from '../../../common/runtime/random.ts';

describe('ids in the order of time', () => {
  it('are UUIDs of version 7 that begin with their time', () => {
    const newId = timeOrderedIds(systemRandom);
    const atMs = Date.parse('2026-11-20T12:00:00.123Z');
    const id = newId(atMs);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Number.parseInt(id.replace('-', '').slice(0, 12), 16)).toBe(atMs);
  });

  it('are all different, also in one millisecond, and from those of another source', () => {
    const [first, second] = [timeOrderedIds(seededRandom(1)), timeOrderedIds(seededRandom(2))];
    const ids = Array.from({ length: 20_000 }, (_none, index) => [first(index >> 12), second(index >> 12)]).flat();
    expect(new Set(ids).size).toBe(40_000);
  });

  it('sort by their time as text', () => {
    const newId = timeOrderedIds(systemRandom);
    const ids = [1, 2, 15, 16, 255, 2 ** 40].map((ms) => newId(ms));
    expect(ids.toSorted()).toEqual(ids);
  });
});
