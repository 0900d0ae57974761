import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { PgBoss } from 'pg-boss';
import { Agent, request } from 'undici';
import { startPostgres } from '../support/postgres-server.ts';
import { query } from '../support/postgres-database.ts';
import { callOnce, fillStore, openEngine, startReceiver } from './engine-rig.ts';
import type { Figure } from './figures.ts';

const JOBS = 5000;
const AT_ONCE = 64;

/**
 * The same thing asked of three queues on one PostgreSQL (with fsync): so many jobs that are due, each a GET of the same server.
 * Jobs per second until the last is done, each queue as its documentation says for throughput. Ours writes the answer
 * into a history and the next run into its job besides; the peers delete or mark a row.
 */
export async function measureQueues(): Promise<readonly Figure[]> {
  const server = await startPostgres();
  const receiver = await startReceiver();
  const agent = new Agent({ connections: AT_ONCE });
  const call = async (): Promise<void> => {
    const response = await request(receiver.url, { dispatcher: agent });
    await response.body.text();
  };
  try {
    const ours = await forewarn(await database(server.url, 'ours'), receiver.url);
    const boss = await pgBoss(await database(server.url, 'boss'), call);
    const graphile = await graphileWorker(await database(server.url, 'graphile'), call);
    const figure = (peer: string, theirs: number): Figure => ({
      name: `${JOBS} due HTTP jobs on one PostgreSQL, beside ${peer}`,
      ours: `${Math.round(ours)} jobs/s`,
      limit: `${Math.round(theirs)} jobs/s (${peer})`,
      ratio: (ours / theirs).toFixed(2),
    });
    return [figure('pg-boss', boss), figure('graphile-worker', graphile)];
  } finally {
    await agent.close();
    await receiver.close();
    await server.close();
  }
}

async function database(server: string, name: string): Promise<string> {
  await query(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

/** Counts to `JOBS`, from when `start` is called. */
function stopwatch(): { one(): void; start(): void; readonly rate: Promise<number> } {
  let count = 0;
  let beganMs = 0;
  let resolve = (_rate: number): void => {};
  const rate = new Promise<number>((done) => {
    resolve = done;
  });
  return {
    one: () => {
      if (++count === JOBS) resolve((JOBS / (performance.now() - beganMs)) * 1000);
    },
    start: () => {
      beganMs = performance.now();
    },
    rate,
  };
}

async function forewarn(url: string, target: string): Promise<number> {
  const settings = { kind: 'postgres' as const, url, connections: 10, replication: 'none' as const };
  await fillStore(settings, [{ prefix: 'due', count: JOBS, definition: callOnce(target), dueMs: () => 1 }]);
  const watch = stopwatch();
  const rig = await openEngine(settings, {
    ended: () => {
      watch.one();
    },
  });
  watch.start();
  await rig.engine.start();
  const rate = await watch.rate;
  await rig.close();
  return rate;
}

async function pgBoss(url: string, call: () => Promise<void>): Promise<number> {
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
  await boss.start();
  await boss.createQueue('bench');
  await boss.insert(
    'bench',
    Array.from({ length: JOBS }, () => ({ data: {} })),
  );
  const watch = stopwatch();
  watch.start();
  for (let worker = 0; worker < 4; worker++) {
    await boss.work('bench', { batchSize: 500, pollingIntervalSeconds: 0.5 }, async (jobs) => {
      await Promise.all(
        jobs.map(async () => {
          await call();
          watch.one();
        }),
      );
    });
  }
  const rate = await watch.rate;
  await boss.stop({ graceful: false });
  return rate;
}

async function graphileWorker(url: string, call: () => Promise<void>): Promise<number> {
  // A line for each job would be measured too.
  const logger = new Logger(() => () => {});
  const utils = await makeWorkerUtils({ connectionString: url, logger });
  await utils.migrate();
  await utils.addJobs(Array.from({ length: JOBS }, () => ({ identifier: 'bench', payload: {} })));
  await utils.release();
  const watch = stopwatch();
  watch.start();
  const runner = await run({
    connectionString: url,
    concurrency: AT_ONCE,
    maxPoolSize: AT_ONCE,
    logger,
    noHandleSignals: true,
    taskList: {
      bench: async () => {
        await call();
        watch.one();
      },
    },
  });
  const rate = await watch.rate;
  await runner.stop();
  return rate;
}
