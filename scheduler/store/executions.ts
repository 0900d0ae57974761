import type { Kysely, Selectable } from 'kysely';
import { z } from 'zod';
import type { Execution } from '../jobs/job.ts';
import { fromJobRow, saveJob, selectJobs } from './jobs.ts';
import type { Claim, ExecutionStore, HistoryPage } from './store.ts';
import type { ExecutionsTable, Tables } from './tables.ts';

const statusSchema = z.enum(['pending', 'running', 'completed', 'failed']);

/** Executions and their history in SQL. */
export function createExecutionStore(db: Kysely<Tables>): ExecutionStore {
  return {
    claimDue: async (now, limit, plan) =>
      await db.transaction().execute(async (tx) => {
        const pending = await claimPending(tx, now, limit);
        const due = await selectJobs(tx)
          .where('jobs.next_at', '<=', now)
          .where('jobs.state', '=', 'enabled')
          .where('collections.state', '=', 'Enabled')
          .orderBy('jobs.next_at')
          .limit(limit - pending.length)
          .execute();
        const planned = due.map((row) => plan(fromJobRow(row)));
        for (const claim of planned) {
          await saveJob(tx, claim.job);
          await tx.insertInto('executions').values(toRow(claim.execution)).execute();
        }
        return [...pending, ...planned];
      }),
    earliestDue: async () => await earliestDue(db),
    add: async (execution) => {
      await db.insertInto('executions').values(toRow(execution)).execute();
    },
    takeOver: async () =>
      await db.transaction().execute(async (tx) => {
        await tx
          .updateTable('executions')
          .set((set) => ({ attempt: set('attempt', '+', 1) }))
          .where('status', '=', 'running')
          .execute();
        const rows = await tx.selectFrom('executions').selectAll().where('status', '=', 'running').execute();
        return await withJobs(tx, rows.map(fromRow));
      }),
    finish: async (ended, retry, settle) =>
      await db.transaction().execute(async (tx) => {
        const result = await tx
          .updateTable('executions')
          .set({ status: ended.status, ended_at: ended.endedAtMs ?? null, message: ended.message })
          .where('id', '=', ended.id)
          .where('attempt', '=', ended.attempt)
          .where('status', '=', 'running')
          .executeTakeFirst();
        if (result.numUpdatedRows === 0n) return false;
        const [claim] = await withJobs(tx, [ended]);
        if (claim !== undefined) await saveJob(tx, settle(claim.job));
        if (retry !== undefined) await tx.insertInto('executions').values(toRow(retry)).execute();
        return true;
      }),
    history: async (jobId, page) => await history(db, jobId, page),
    prune: async (beforeMs, keep) => {
      await db.transaction().execute(async (tx) => {
        await tx.deleteFrom('executions').where('ended_at', '<', beforeMs).execute();
        await pruneByCount(tx, keep);
      });
    },
  };
}

async function claimPending(tx: Kysely<Tables>, now: number, limit: number): Promise<readonly Claim[]> {
  const rows = await tx
    .selectFrom('executions')
    .innerJoin('jobs', 'jobs.id', 'executions.job_id')
    .innerJoin('collections', 'collections.key', 'jobs.collection_key')
    .selectAll('executions')
    .where('executions.status', '=', 'pending')
    .where('executions.run_at', '<=', now)
    .where('collections.state', '=', 'Enabled')
    .orderBy('executions.run_at')
    .limit(limit)
    .execute();
  for (const row of rows) {
    await tx.updateTable('executions').set({ status: 'running', started_at: now }).where('id', '=', row.id).execute();
  }
  return await withJobs(
    tx,
    rows.map((row): Execution => ({ ...fromRow(row), status: 'running', startedAtMs: now })),
  );
}

async function withJobs(tx: Kysely<Tables>, executions: readonly Execution[]): Promise<readonly Claim[]> {
  const claims: Claim[] = [];
  for (const execution of executions) {
    const row = await selectJobs(tx).where('jobs.id', '=', execution.jobId).executeTakeFirst();
    if (row !== undefined) claims.push({ job: fromJobRow(row), execution });
  }
  return claims;
}

async function earliestDue(db: Kysely<Tables>): Promise<number | undefined> {
  const job = await db
    .selectFrom('jobs')
    .innerJoin('collections', 'collections.key', 'jobs.collection_key')
    .select('jobs.next_at as at')
    .where('jobs.next_at', 'is not', null)
    .where('jobs.state', '=', 'enabled')
    .where('collections.state', '=', 'Enabled')
    .orderBy('jobs.next_at')
    .limit(1)
    .executeTakeFirst();
  const pending = await db
    .selectFrom('executions')
    .innerJoin('jobs', 'jobs.id', 'executions.job_id')
    .innerJoin('collections', 'collections.key', 'jobs.collection_key')
    .select('executions.run_at as at')
    .where('executions.status', '=', 'pending')
    .where('collections.state', '=', 'Enabled')
    .orderBy('executions.run_at')
    .limit(1)
    .executeTakeFirst();
  const dues = [job?.at, pending?.at].filter((at) => typeof at === 'number');
  return dues.length === 0 ? undefined : Math.min(...dues);
}

async function history(db: Kysely<Tables>, jobId: string, page: HistoryPage) {
  let query = db
    .selectFrom('executions')
    .selectAll()
    .where('job_id', '=', jobId)
    .where('status', 'in', page.status === undefined ? ['completed', 'failed'] : [page.status]);
  query = query.orderBy('started_at', 'desc').orderBy('number', 'desc').limit(page.top).offset(page.skip);
  const rows = await query.execute();
  return rows.map((row) => ({ execution: fromRow(row), number: row.number }));
}

async function pruneByCount(tx: Kysely<Tables>, keep: number): Promise<void> {
  const crowded = await tx
    .selectFrom('executions')
    .select('job_id')
    .where('ended_at', 'is not', null)
    .groupBy('job_id')
    .having((having) => having.fn.countAll<number>(), '>', keep)
    .execute();
  for (const { job_id: jobId } of crowded) {
    const oldestKept = await tx
      .selectFrom('executions')
      .select('number')
      .where('job_id', '=', jobId)
      .where('ended_at', 'is not', null)
      .orderBy('number', 'desc')
      .offset(keep - 1)
      .limit(1)
      .executeTakeFirst();
    if (oldestKept === undefined) continue;
    await tx
      .deleteFrom('executions')
      .where('job_id', '=', jobId)
      .where('ended_at', 'is not', null)
      .where('number', '<', oldestKept.number)
      .execute();
  }
}

function toRow(execution: Execution): Omit<Selectable<ExecutionsTable>, 'number'> {
  return {
    id: execution.id,
    job_id: execution.jobId,
    due_at: execution.dueMs,
    repeat_number: execution.repeat,
    retry_number: execution.retry,
    attempt: execution.attempt,
    status: execution.status,
    run_at: execution.runAtMs,
    started_at: execution.startedAtMs ?? null,
    ended_at: execution.endedAtMs ?? null,
    message: execution.message,
    idempotency_key: execution.key,
    by_hand: execution.byHand ? 1 : 0,
  };
}

function fromRow(row: Selectable<ExecutionsTable>): Execution {
  return {
    id: row.id,
    jobId: row.job_id,
    dueMs: row.due_at,
    repeat: row.repeat_number,
    retry: row.retry_number,
    attempt: row.attempt,
    status: statusSchema.parse(row.status),
    runAtMs: row.run_at,
    startedAtMs: row.started_at ?? undefined,
    endedAtMs: row.ended_at ?? undefined,
    message: row.message,
    key: row.idempotency_key,
    byHand: row.by_hand === 1,
  };
}
