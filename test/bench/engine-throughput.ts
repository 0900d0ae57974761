import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Agent, request } from 'undici';
import { callOnce, fillStore, openEngine, startReceiver, type Receiver } from './engine-rig.ts';
import { median, type Figure } from './figures.ts';

const ROUNDS = 3;
const JOBS = 10_000;
/** The loop's connections; more make it no faster. */
const AT_ONCE = 64;

/** HTTP jobs that are due, executed per second with durable history, beside a bare undici loop to the same server. */
export async function measureEngineThroughput(): Promise<Figure> {
  const receiver = await startReceiver();
  try {
    const rounds: { ours: number; limit: number }[] = [];
    await bareLoop(receiver, JOBS);
    for (let round = 0; round < ROUNDS; round++) {
      rounds.push({ limit: await bareLoop(receiver, JOBS), ours: await dueJobs(receiver, JOBS) });
    }
    return {
      name: `HTTP jobs executed per second, history durable (${JOBS} due, SQLite, fsync)`,
      ours: `${Math.round(median(rounds.map(({ ours }) => ours)))} jobs/s`,
      limit: `${Math.round(median(rounds.map(({ limit }) => limit)))} requests/s (bare undici loop, same server)`,
      ratio: `${median(rounds.map(({ ours, limit }) => ours / limit)).toFixed(2)} (goal 0.60)`,
    };
  } finally {
    await receiver.close();
  }
}

async function bareLoop(receiver: Receiver, count: number): Promise<number> {
  const agent = new Agent({ connections: AT_ONCE });
  let left = count;
  const beganMs = performance.now();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) {
        const response = await request(receiver.url, { dispatcher: agent });
        await response.body.text();
      }
    }),
  );
  const tookMs = performance.now() - beganMs;
  await agent.close();
  return (count / tookMs) * 1000;
}

/** Until the last of them is in the history. */
async function dueJobs(receiver: Receiver, count: number): Promise<number> {
  const folder = await mkdtemp(path.join(tmpdir(), 'forewarn-bench-'));
  const settings = { kind: 'sqlite' as const, file: path.join(folder, 'bench.db') };
  await fillStore(settings, [{ prefix: 'due', count, definition: callOnce(receiver.url), dueMs: () => 1 }]);
  const rig = await openEngine(settings);
  let ended = 0;
  const finish = rig.store.executions.finish.bind(rig.store.executions);
  const done = new Promise<void>((resolve) => {
    rig.store.executions.finish = async (...parameters) => {
      const isEnded = await finish(...parameters);
      if (++ended === count) resolve();
      return isEnded;
    };
  });
  try {
    const beganMs = performance.now();
    await rig.engine.start();
    // One that never ends has failed; it must not hold up the others.
    await Promise.race([
      done,
      new Promise((_resolve, reject) => {
        setTimeout(reject, 60_000, new Error(`${ended} of ${count} jobs ended within a minute`)).unref();
      }),
    ]);
    return (count / (performance.now() - beganMs)) * 1000;
  } finally {
    await rig.close();
    await rm(folder, { recursive: true });
  }
}
