import { sql, type Kysely, type Selectable } from 'kysely';
import { z } from 'zod';
import type { Execution, Job } from '../jobs/job.ts';
import type { BulkRow, BulkUpdate } from './bulk.ts';
import { fromJobRow, selectJobs } from './jobs.ts';
import { idRows, lockRows, type ColumnType, type SqlStore } from './sql.ts';
import type { ExecutionsTable, Tables } from './tables.ts';

const statusSchema = z.enum(['pending', 'queued', 'running', 'completed', 'failed', 'postponed']);
const actionSchema = z.enum(['main', 'error']);

const COLUMNS = {
  id: 'text',
  job_id: 'text',
  due_at: 'bigint',
  repeat_number: 'bigint',
  retry_number: 'bigint',
  attempt: 'bigint',
  status: 'text',
  run_at: 'bigint',
  started_at: 'bigint',
  ended_at: 'bigint',
  message: 'text',
  idempotency_key: 'text',
  by_hand: 'bigint',
  owner: 'text',
  action: 'text',
  reason: 'text',
} as const satisfies Record<string, ColumnType>;

/** Adds executions; the running ones are this owner's. */
export async function insertExecutions(
  store: SqlStore,
  tx: Kysely<Tables>,
  executions: readonly Execution[],
): Promise<void> {
  const others = executions.filter((execution) => !isFirstTry(execution));
  await store.bulk.insert(
    tx,
    { table: 'executions', columns: COLUMNS },
    others.map((execution) => toRow(execution, store.owner)),
  );
  const first = others.length === 0 ? executions : executions.filter(isFirstTry);
  await store.bulk.insert(
    tx,
    { table: 'executions', columns: COLUMNS_OF_FIRST_TRY, same: { ...FIRST_TRY, owner: store.owner } },
    first.map(({ id, jobId, dueMs, repeat, runAtMs, startedAtMs = null, key }) => [
      id,
      jobId,
      dueMs,
      repeat,
      runAtMs,
      startedAtMs,
      key,
    ]),
  );
}

/** The usual claim: what is the same in all of these is in the statement and not sent with each of them. */
const COLUMNS_OF_FIRST_TRY = {
  id: 'text',
  job_id: 'text',
  due_at: 'bigint',
  repeat_number: 'bigint',
  run_at: 'bigint',
  started_at: 'bigint',
  idempotency_key: 'text',
} as const satisfies Partial<typeof COLUMNS>;
const FIRST_TRY = { retry_number: 0, attempt: 1, status: 'running', message: '', by_hand: 0, action: 'main' } as const;

function isFirstTry(execution: Execution): boolean {
  const { status, retry, attempt, action, byHand, message, reason, endedAtMs } = execution;
  const isPlain = !byHand && message === '' && reason === undefined && endedAtMs === undefined;
  return isPlain && status === 'running' && retry === 0 && attempt === 1 && action === 'main';
}

const CALENDAR: BulkUpdate = {
  table: 'jobs',
  set: { next_at: 'bigint', made: 'bigint' },
  match: { id: 'text' },
};

/** Writes how far the calendars of jobs have come; nothing else of them is touched. */
export async function saveCalendars(store: SqlStore, tx: Kysely<Tables>, jobs: readonly Job[]): Promise<void> {
  await store.bulk.change(
    tx,
    CALENDAR,
    jobs.map((job) => [job.nextAtMs ?? null, job.made, job.id]),
  );
}

/** The jobs with these ids, locked in the order of their ids, so that two replicas never wait for each other in a circle. */
export async function readJobs(
  store: SqlStore,
  tx: Kysely<Tables>,
  jobIds: Iterable<string>,
): Promise<Map<string, Job>> {
  const wanted = [...new Set(jobIds)];
  if (wanted.length === 0) return new Map();
  const ids = idRows(store.dialect, wanted);
  const rows = await selectJobs(tx)
    .where(sql<boolean>`jobs.id in (select v.id from ${ids})`)
    .orderBy('jobs.id')
    .modifyEnd(lockRows(store.dialect, 'jobs'))
    .execute();
  return new Map(rows.map((row) => [row.id, fromJobRow(store, row)]));
}

/** In the order of `COLUMNS`. */
function toRow(execution: Execution, owner: string): BulkRow {
  return [
    execution.id,
    execution.jobId,
    execution.dueMs,
    execution.repeat,
    execution.retry,
    execution.attempt,
    execution.status,
    execution.runAtMs,
    execution.startedAtMs ?? null,
    execution.endedAtMs ?? null,
    execution.message,
    execution.key,
    execution.byHand ? 1 : 0,
    execution.status === 'running' ? owner : null,
    execution.action,
    execution.reason ?? null,
  ];
}

export function fromRow(row: Selectable<ExecutionsTable>): Execution {
  return {
    id: row.id,
    jobId: row.job_id,
    dueMs: row.due_at,
    repeat: row.repeat_number,
    retry: row.retry_number,
    attempt: row.attempt,
    status: statusSchema.parse(row.status),
    action: actionSchema.parse(row.action),
    reason: row.reason ?? undefined,
    runAtMs: row.run_at,
    startedAtMs: row.started_at ?? undefined,
    endedAtMs: row.ended_at ?? undefined,
    message: row.message,
    key: row.idempotency_key,
    byHand: row.by_hand === 1,
  };
}
