import { describe, expect, it } from 'vitest';
import { Room, type Holding } from '../../../scheduler/engine/room.ts';

const EMPTY: Holding = { held: 0, ending: 0 };

describe('room for claims', () => {
  it('is a batch at a time, at once, as long as little is held', () => {
    const room = new Room();
    expect(room.look(EMPTY, 0)).toEqual({ kind: 'claim', limit: 500 });
    expect(room.look({ held: 1000, ending: 0 }, 1)).toEqual({ kind: 'claim', limit: 500 });
  });

  it('that is scarce is waited for, and taken after 25 ms however little it is', () => {
    const room = new Room();
    const scarce = { held: 1490, ending: 0 };
    expect(room.look(scarce, 100)).toEqual({ kind: 'wait', ms: 25 });
    expect(room.look(scarce, 110)).toEqual({ kind: 'wait', ms: 15 });
    expect(room.look(scarce, 125)).toEqual({ kind: 'claim', limit: 10 });
    expect(room.look(scarce, 126)).toEqual({ kind: 'wait', ms: 25 });
  });

  it('is none while fifteen hundred run or wait, for however long', () => {
    for (const full of [
      { held: 1500, ending: 0 },
      { held: 3000, ending: 2900 },
    ]) {
      const room = new Room();
      expect(room.look(full, 0).kind).toBe('wait');
      expect(room.look(full, 10_000)).toEqual({ kind: 'wait', ms: 25 });
    }
  });

  it('is worth a claim early only when it was scarce and a whole batch fits again', () => {
    const room = new Room();
    expect(room.isWorthIt(EMPTY)).toBe(false);
    room.look({ held: 1500, ending: 0 }, 0);
    expect(room.isWorthIt({ held: 1001, ending: 0 })).toBe(false);
    expect(room.isWorthIt({ held: 1001, ending: 1 })).toBe(true);
  });
});
