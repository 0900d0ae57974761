import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Agent, request } from 'undici';
import { callOnce, fillStore, openEngine, startReceiver, type Receiver } from './engine-rig.ts';
import { median, type Figure } from './figures.ts';

/** The machine's own speed changes from second to second: many short rounds, each with its limit beside it. */
const ROUNDS = 11;
/** A second of them: what is measured is a service that runs, not how it begins. */
const JOBS = 20_000;
/** So many come first in each round and are not counted: threads and their code are made in them. */
const LEAD = 10_000;
/** The loop's connections; more make it no faster. */
const AT_ONCE = 64;

/** What one round took. */
interface Round {
  readonly perSecond: number;
  /** Processor time, microseconds a job: of the thread that sends, and of the process with all its threads. */
  readonly threadUs: number;
  readonly processUs: number;
}

const GOAL = 0.6;

/**
 * HTTP jobs that are due, executed per second with durable history, beside a bare undici loop that sends the same requests to
 * the same server: with the headers that tell a target what it is called for.
 */
export async function measureEngineThroughput(): Promise<Figure> {
  const receiver = await startReceiver();
  try {
    const rounds: { ours: Round; limit: Round }[] = [];
    for (let round = -1; round < ROUNDS; round++) {
      const both = { limit: await bareLoop(receiver, JOBS), ours: await dueJobs(receiver, JOBS) };
      // The first is for the code to become quick, on both sides.
      if (round >= 0) rounds.push(both);
    }
    const ratios = rounds.map(({ ours, limit }) => ours.perSecond / limit.perSecond).toSorted((a, b) => a - b);
    const ratio = median(ratios);
    const [least = ratio] = ratios;
    return {
      name: `HTTP jobs executed per second, history durable (${JOBS} due, SQLite, fsync; median of ${ROUNDS} rounds)`,
      ours: describe(
        rounds.map(({ ours }) => ours),
        'jobs/s',
      ),
      limit: `${describe(
        rounds.map(({ limit }) => limit),
        'requests/s',
      )} (bare undici loop, same requests, same server)`,
      ratio: `${ratio.toFixed(2)} (goal ${GOAL}; from ${least.toFixed(2)} to ${(ratios.at(-1) ?? ratio).toFixed(2)})`,
      isKept: ratio >= GOAL,
    };
  } finally {
    await receiver.close();
  }
}

function describe(rounds: readonly Round[], unit: string): string {
  const of = (pick: (round: Round) => number): string => median(rounds.map(pick)).toFixed(0);
  return `${of((round) => round.perSecond)} ${unit}; CPU ${of((round) => round.threadUs)} µs each, ${of((round) => round.processUs)} µs with other threads`;
}

/** Starts to measure; the function that it returns ends that. */
function stopwatch(count: number): () => Round {
  const beganMs = performance.now();
  const thread = process.threadCpuUsage();
  const all = process.cpuUsage();
  const each = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / count;
  return () => ({
    perSecond: (count / (performance.now() - beganMs)) * 1000,
    threadUs: each(process.threadCpuUsage(thread)),
    processUs: each(process.cpuUsage(all)),
  });
}

/** As the product sends them. */
const HEADERS = {
  'x-ms-execution-tag': '0f8fad5bd9cb469fa16570867489500e',
  'x-ms-client-request-id': '019aa1c4-2d00-7a3f-9b1e-0e02b2c3d479',
  'x-ms-scheduler-jobid': 'due12345',
  'x-ms-scheduler-jobcollection': 'due-12',
  'x-ms-scheduler-expected-execution-time': '2026-11-20T12:00:00.001Z',
  'x-ms-scheduler-attempt': '1',
};

async function bareLoop(receiver: Receiver, count: number): Promise<Round> {
  const agent = new Agent({ connections: AT_ONCE });
  let left = count + LEAD;
  let stop = stopwatch(count);
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) {
        if (left === count) stop = stopwatch(count);
        const response = await request(receiver.url, { dispatcher: agent, headers: HEADERS });
        await response.body.text();
      }
    }),
  );
  const round = stop();
  await agent.close();
  return round;
}

/** Until the last of them is in the history. */
async function dueJobs(receiver: Receiver, count: number): Promise<Round> {
  const folder = await mkdtemp(path.join(tmpdir(), 'forewarn-bench-'));
  const settings = { kind: 'sqlite' as const, file: path.join(folder, 'bench.db') };
  const all = count + LEAD;
  await fillStore(settings, [{ prefix: 'due', count: all, definition: callOnce(receiver.url), dueMs: () => 1 }]);
  let ended = 0;
  let stop = stopwatch(count);
  let allEnded = (): void => {};
  const done = new Promise<void>((resolve) => {
    allEnded = resolve;
  });
  const rig = await openEngine(settings, {
    ended: () => {
      ended += 1;
      if (ended === LEAD) stop = stopwatch(count);
      if (ended === all) allEnded();
    },
  });
  try {
    await rig.engine.start();
    // One that never ends has failed; it must not hold up the others.
    await Promise.race([
      done,
      new Promise((_resolve, reject) => {
        setTimeout(reject, 60_000, new Error(`${ended} of ${all} jobs ended within a minute`)).unref();
      }),
    ]);
    return stop();
  } finally {
    await rig.close();
    await rm(folder, { recursive: true });
  }
}
