import type { Kysely } from 'kysely';
import type { Execution, Job } from '../jobs/job.ts';
import type { BulkUpdate } from './bulk.ts';
import { insertExecutions, readJobs, saveProgress } from './execution-rows.ts';
import type { SqlStore } from './sql.ts';
import type { Tables } from './tables.ts';

/** The end of an execution, what follows it (a retry, an error action), and what it means for its job. */
export interface Ending {
  readonly ended: Execution;
  readonly follow: readonly Execution[];
  readonly settle: (job: Job) => Job;
}

/**
 * How long a burst is gathered at most: requests that are still to be sent come first, and nobody waits for an ending.
 */
const MAX_GATHER_MS = 50;

/** Endings in one transaction; a longer one would hold up the claims beside it. */
const MAX_BATCH = 500;

/**
 * Ends executions many at a time: what ends while a batch is being stored is the next one. So a thousand that end in one
 * second cost a few transactions, and one that ends alone waits for nobody.
 */
export function createEndings(store: SqlStore): (ending: Ending) => Promise<boolean> {
  interface Waiting extends Ending {
    readonly resolve: (isEnded: boolean) => void;
    readonly reject: (error: unknown) => void;
  }
  const waiting: Waiting[] = [];
  let work: Promise<void> | undefined;

  /** In a burst every turn of the event loop brings more; one that brings none ends the wait. */
  const gatherMore = async (): Promise<void> => {
    const untilMs = store.clock.monotonic() + MAX_GATHER_MS;
    for (let count = 0; waiting.length > count && waiting.length < MAX_BATCH && store.clock.monotonic() < untilMs;) {
      count = waiting.length;
      await store.gather();
    }
  };

  const storeBatch = async (): Promise<void> => {
    let batch: readonly Waiting[] | undefined;
    // Taken as late as can be, and once: what came while the transaction before it was committed is in it.
    const take = (): readonly Waiting[] => (batch ??= waiting.splice(0, MAX_BATCH));
    try {
      const ended = await store.write(async (tx) => await endAll(store, tx, take()));
      for (const ending of take()) ending.resolve(ended.has(ending.ended.id));
    } catch (error) {
      for (const ending of take()) ending.reject(error);
    }
  };

  const storeAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      await gatherMore();
      await storeBatch();
    }
    work = undefined;
  };

  return async (ending) =>
    await new Promise((resolve, reject) => {
      waiting.push({ ...ending, resolve, reject });
      work ??= storeAll();
    });
}

/** Only what still runs, under the attempt that ends. */
const END: BulkUpdate = {
  table: 'executions',
  set: { status: 'text', ended_at: 'bigint', message: 'text', reason: 'text' },
  match: { id: 'text', attempt: 'bigint' },
  only: { status: 'running' },
  clear: ['owner'],
};

/** Resolves with the ids of those whose attempt was still the valid one. */
async function endAll(store: SqlStore, tx: Kysely<Tables>, batch: readonly Ending[]): Promise<ReadonlySet<string>> {
  // Jobs before executions, as everywhere: whoever locks in another order waits in a circle.
  const jobs = await readJobs(
    store,
    tx,
    batch.map(({ ended }) => ended.jobId),
  );
  const done = await store.bulk.update(
    tx,
    END,
    batch.map(({ ended }) => ({
      id: ended.id,
      attempt: ended.attempt,
      status: ended.status,
      ended_at: ended.endedAtMs ?? null,
      message: ended.message,
      reason: ended.reason ?? null,
    })),
  );
  const changed = new Map<string, Job>();
  const follow: Execution[] = [];
  for (const ending of batch) {
    const job = jobs.get(ending.ended.jobId);
    if (job === undefined || !done.has(ending.ended.id)) continue;
    const settled = ending.settle(job);
    jobs.set(job.id, settled);
    changed.set(job.id, settled);
    follow.push(...ending.follow);
  }
  await saveProgress(store, tx, [...changed.values()]);
  await insertExecutions(store, tx, follow);
  await releaseQueued(store, tx, [...changed.values()]);
  return done;
}

/** The occurrence that waited for the end of the one before it may start now, unless a retry of that one comes first. */
async function releaseQueued(store: SqlStore, tx: Kysely<Tables>, jobs: readonly Job[]): Promise<void> {
  const queueing = jobs.filter((job) => job.definition.runs?.overlap === 'queue').map((job) => job.id);
  if (queueing.length === 0) return;
  const nowMs = await store.now(tx);
  await tx
    .updateTable('executions')
    .set({ status: 'pending', run_at: nowMs })
    .where('ended_at', 'is', null)
    .where('job_id', 'in', queueing)
    .where('status', '=', 'queued')
    .where((where) =>
      where.not(
        where.exists(
          where
            .selectFrom('executions as other')
            .select('other.id')
            .whereRef('other.job_id', '=', 'executions.job_id')
            .where('other.ended_at', 'is', null)
            .where('other.status', 'in', ['pending', 'running']),
        ),
      ),
    )
    .execute();
}
