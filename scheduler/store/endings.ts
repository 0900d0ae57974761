import type { CompiledQuery, Kysely } from 'kysely';
import { addSettlements, type Execution, type Settlement } from '../jobs/job.ts';
import type { BulkUpdate } from './bulk.ts';
import { insertExecutions } from './execution-rows.ts';
import { lockJobs } from './jobs.ts';
import { reusedQuery } from './reused-query.ts';
import type { SqlStore } from './sql.ts';
import type { Finished } from './store.ts';
import type { Tables } from './tables.ts';

/** The end of an execution, what follows it (a retry, an error action), and what it means for its job. */
export interface Ending {
  readonly ended: Execution;
  readonly follow: readonly Execution[];
  readonly settlement: Settlement | undefined;
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
export function createEndings(store: SqlStore): (ending: Ending) => Promise<Finished> {
  interface Waiting extends Ending {
    readonly resolve: (finished: Finished) => void;
    readonly reject: (error: unknown) => void;
  }
  const waiting: Waiting[] = [];
  const queuedQuery = reusedQuery(() => selectQueued(store.db));
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
      const finished = await store.write(async (tx) => await endAll(store, tx, take(), queuedQuery()));
      for (const { ended, resolve } of take()) resolve(finished(ended));
    } catch (error) {
      for (const { reject } of take()) reject(error);
    }
  };

  const storeAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      await gatherMore();
      await storeBatch();
    }
    work = undefined;
  };

  return ({ ended, follow, settlement }) =>
    new Promise((resolve, reject) => {
      waiting.push({ ended, follow, settlement, resolve, reject });
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

/**
 * A job (alias `t`) that will never be due again and has nothing of its calendar under way: another occurrence, one that waits
 * for this one or is to be tried again, decides later what becomes of it.
 */
export const IS_OVER = `t.state = 'enabled' and t.next_at is null and not exists (select 1 from executions as e
  where e.job_id = t.id and e.ended_at is null and e.action = 'main' and e.by_hand = 0)`;

/** Adds to a job what its executions came to, and ends one that is over. */
const SETTLE: BulkUpdate = {
  table: 'jobs',
  set: { state: 'text', last_execution_at: 'bigint' },
  add: { execution_count: 'bigint', failure_count: 'bigint', faulted_count: 'bigint' },
  match: { id: 'text' },
  when: { state: IS_OVER },
};

/** Resolves with what became of each: only those whose attempt was still the valid one are ended. */
async function endAll(
  store: SqlStore,
  tx: Kysely<Tables>,
  batch: readonly Ending[],
  queued: CompiledQuery<{ readonly job_id: string }>,
): Promise<(ended: Execution) => Finished> {
  // Jobs before executions, as everywhere: whoever locks in another order waits in a circle.
  await lockJobs(
    store,
    tx,
    batch.map(({ ended }) => ended.jobId),
  );
  const rows = batch.map(({ ended }) => [
    ended.status,
    ended.endedAtMs ?? null,
    ended.message,
    ended.reason ?? null,
    ended.id,
    ended.attempt,
  ]);
  const [missing, queuedRows] = await store.together(
    async () => await store.bulk.update(tx, END, rows),
    async () => await store.fetch(tx, queued),
  );
  const settlements = new Map<string, Settlement>();
  const follow: Execution[] = [];
  for (const { ended, settlement, follow: next } of batch) {
    if (missing.has(ended.id)) continue;
    if (settlement !== undefined) {
      settlements.set(ended.jobId, addSettlements(settlements.get(ended.jobId), settlement));
    }
    follow.push(...next);
  }
  // What is to be tried again keeps its job from being over.
  await insertExecutions(store, tx, follow);
  await store.bulk.change(
    tx,
    SETTLE,
    Array.from(settlements, ([id, { finalState, lastExecutionAtMs, executions, failures, faults }]) => [
      finalState ?? null,
      lastExecutionAtMs,
      executions,
      failures,
      faults,
      id,
    ]),
  );
  const waiting = new Set(queuedRows.map((row) => row.job_id));
  const released = new Set<string>();
  for (const { ended } of batch) if (waiting.has(ended.jobId)) released.add(ended.jobId);
  await releaseQueued(store, tx, [...released]);
  return ({ id, jobId }) => (missing.has(id) ? 'refused' : released.has(jobId) ? 'released' : 'ended');
}

/**
 * Whose occurrences wait for the end of the one before. Asked of the rows and not of the definitions: a job that was rewritten
 * meanwhile must not leave one waiting for ever.
 */
function selectQueued(tx: Kysely<Tables>) {
  return tx.selectFrom('executions').select('job_id').where('ended_at', 'is', null).where('status', '=', 'queued');
}

/** Occurrences that wait may start now, unless a retry of the one before comes first. */
export async function releaseQueued(store: SqlStore, tx: Kysely<Tables>, jobIds: readonly string[]): Promise<void> {
  if (jobIds.length === 0) return;
  const nowMs = await store.now(tx);
  await tx
    .updateTable('executions')
    .set({ status: 'pending', run_at: nowMs })
    .where('ended_at', 'is', null)
    .where('job_id', 'in', jobIds)
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
