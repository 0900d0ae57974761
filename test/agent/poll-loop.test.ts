import { describe, expect, it } from 'vitest';
import type { PollResult } from '../../agent/core/observation.ts';
import { runPollLoop } from '../../agent/poll-loop.ts';
import { seededRandom } from '../../common/runtime/random.ts';
import { silentLog, type Log } from '../../common/runtime/log.ts';
import { FakeClock } from '../support/fake-clock.ts';

const document: PollResult = { kind: 'document', document: { incarnation: 1, events: [] } };
const failed = (reason: string): PollResult => ({ kind: 'failed', reason });

async function run(results: readonly PollResult[], forMs: number): Promise<{ said: string[]; seen: PollResult[] }> {
  const clock = new FakeClock();
  const said: string[] = [];
  const say = (fields: unknown, message: string): void => {
    said.push(`${message} ${JSON.stringify(fields)}`);
  };
  const log: Log = { debug: () => {}, info: say, warn: say, error: say, child: () => log };
  const seen: PollResult[] = [];
  const controller = new AbortController();
  let index = 0;
  const done = runPollLoop({
    poll: async () => results[index++] ?? document,
    observe: (result) => seen.push(result),
    periodMs: 1000,
    clock,
    random: { ...seededRandom(1), fraction: () => 0 },
    log,
    signal: controller.signal,
  });
  await clock.advance(forMs);
  controller.abort();
  await done;
  return { said, seen };
}

describe('polling', () => {
  it('asks less often while it fails, and not at the same moment as every other VM', async () => {
    const clock = new FakeClock();
    const fractions = [0, 0.5, 1, 0, 0.5, 1, 0];
    const askedMs: number[] = [];
    const controller = new AbortController();
    const done = runPollLoop({
      poll: async () => {
        askedMs.push(clock.monotonic());
        return failed('429');
      },
      observe: () => {},
      periodMs: 1000,
      clock,
      random: { ...seededRandom(1), fraction: () => fractions.shift() ?? 0 },
      log: silentLog,
      signal: controller.signal,
    });
    await clock.advance(25_000);
    controller.abort();
    await done;
    const pauses = askedMs.slice(1).map((atMs, index) => atMs - (askedMs[index] ?? 0));
    expect(pauses).toEqual([1000, 2300, 3900, 4000, 5750, 6500]);
  });

  it('says an outage once when it begins, whatever kinds of failure follow, and once when it is over', async () => {
    const outage = ['500', '429', '410', '404', 'no JSON', 'time-out'].map(failed);
    const { said, seen } = await run([document, ...outage], 60_000);
    expect(said).toEqual([
      'events cannot be read; nothing is assumed about them {"reason":"500"}',
      'events can be read again {"after":"20.0 s","failures":6}',
    ]);
    expect(seen.slice(1, 7).every((result) => result.kind === 'failed')).toBe(true);
  });

  it('polls once a second while all is well', async () => {
    const { seen } = await run([], 10_000);
    expect(seen).toHaveLength(11);
  });
});
