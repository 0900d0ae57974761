import { describe, expect, it } from 'vitest';
import { TimeLimit, type Limited } from '../../../scheduler/actions/time-limit.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function limitOf(ms: number) {
  const clock = new FakeClock();
  const limit = new TimeLimit(clock, ms);
  const late: string[] = [];
  const begin = (name: string, onLate = (): void => {}): Limited => {
    const one = {
      onLate: () => {
        late.push(name);
        onLate();
      },
    };
    limit.begin(one);
    return one;
  };
  return { clock, limit, late, begin };
}

describe('a limit that many share', () => {
  it('tells each when its own time is over, and not those that ended before', async () => {
    const { clock, limit, late, begin } = limitOf(1000);
    const first = begin('first');
    await clock.advance(300);
    begin('second');
    const third = begin('third');
    await clock.advance(300);
    begin('fourth');
    limit.end(first);
    limit.end(third);
    await clock.advance(699);
    expect(late).toEqual([]);
    await clock.advance(1);
    expect(late).toEqual(['second']);
    await clock.advance(300);
    expect(late).toEqual(['second', 'fourth']);
    // None was under way for a while: it begins anew.
    await clock.advance(5000);
    begin('fifth');
    await clock.advance(999);
    expect(late).toHaveLength(2);
    await clock.advance(1);
    expect(late).toEqual(['second', 'fourth', 'fifth']);
  });

  it('goes on watching the others when one that is told begins something else', async () => {
    const { clock, late, begin } = limitOf(1000);
    begin('first', () => begin('again'));
    await clock.advance(500);
    begin('second');
    await clock.advance(500);
    expect(late).toEqual(['first']);
    await clock.advance(500);
    expect(late).toEqual(['first', 'second']);
    await clock.advance(500);
    expect(late).toEqual(['first', 'second', 'again']);
  });
});
