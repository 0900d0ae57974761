import type { CompiledQuery, Kysely, Selectable } from 'kysely';
import type { Execution, Job } from '../jobs/job.ts';
import type { BulkUpdate } from './bulk.ts';
import { IS_OVER, releaseQueued } from './endings.ts';
import { fromRow, insertExecutions, readJobs, saveCalendars } from './execution-rows.ts';
import { isClaimableHere } from './fleet-home.ts';
import { fromJobRow, selectJobs, type JobRow } from './jobs.ts';
import { reusedQuery } from './reused-query.ts';
import { lockFreeRows, type SqlStore } from './sql.ts';
import type { Claim, Claimed, ClaimRequest, JobPlan } from './store.ts';
import type { ExecutionsTable, Tables } from './tables.ts';

const START: BulkUpdate = {
  table: 'executions',
  set: {
    status: 'text',
    owner: 'text',
    started_at: 'bigint',
    ended_at: 'bigint',
    message: 'text',
    reason: 'text',
  },
  match: { id: 'text' },
};

/** What it means for a job that a pending execution comes to nothing. */
const GIVE_UP: BulkUpdate = {
  table: 'jobs',
  set: { state: 'text', faulted_count: 'bigint' },
  match: { id: 'text' },
  when: { state: IS_OVER },
};

/** A job whose last occurrence was left out is over, unless one before that is still under way: which was not asked for all. */
const CLOSE: BulkUpdate = { table: 'jobs', set: { state: 'text' }, match: { id: 'text' }, when: { state: IS_OVER } };

/** Claims for one store. */
export function createClaims(store: SqlStore): (request: ClaimRequest) => Promise<Claimed> {
  let questions = questionsOf(store, []);
  return async (request) => {
    if (!isSameList(questions.regionsOfOthers, request.regionsOfOthers)) {
      questions = questionsOf(store, request.regionsOfOthers);
    }
    return await claimDue(store, { ...request, questions });
  };
}

/** What a claim asks; that differs only when a region comes or goes. */
interface Questions {
  readonly regionsOfOthers: readonly string[];
  readonly pendingDue: (nowMs: number, limit: number) => CompiledQuery<Selectable<ExecutionsTable>>;
  readonly jobsDue: (untilMs: number, limit: number) => CompiledQuery<JobRow>;
}

function questionsOf(store: SqlStore, regionsOfOthers: readonly string[]): Questions {
  return {
    regionsOfOthers,
    pendingDue: reusedQuery((nowMs, limit) => selectPendingDue(store, regionsOfOthers, { nowMs, limit })),
    jobsDue: reusedQuery((untilMs, limit) => selectJobsDue(store, regionsOfOthers, { untilMs, limit })),
  };
}

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index]);
}

/** Everything that is due, up to a limit, in one transaction of a handful of statements, however much it is. */
async function claimDue(store: SqlStore, request: Omit<ClaimStep, 'nowMs'>): Promise<Claimed> {
  return await store.write(async (tx) => {
    const step = { ...request, nowMs: await store.now(tx) };
    const untilMs = step.nowMs + (step.aheadMs ?? 0);
    const [waiting, dueRows] = await store.together(
      // Where rows are locked this is over before the other begins: these locks are waited for, in the order that all keep, and
      // who waits must not hold jobs that it took out of that order.
      async () => await readPendingDue(store, tx, step),
      async () => await store.fetch(tx, step.questions.jobsDue(untilMs, step.limit)),
    );
    const pending = await claimPending(store, tx, step, waiting);
    const left = request.limit - waiting.rows.length;
    const due = await claimByCalendar(store, tx, step, dueRows.slice(0, left));
    const isMore = dueRows.length >= left;
    const { nowMs } = step;
    return {
      nowMs,
      claims: pending.concat(due.claims),
      cancelled: due.cancelled,
      nextDueMs: isMore ? nowMs : await earliestDue(store, tx, request.regionsOfOthers),
    };
  });
}

interface ClaimStep extends ClaimRequest {
  readonly nowMs: number;
  readonly questions: Questions;
}

/** The executions that wait for their time and may be claimed here; in the words that both the claim and its timer use. */
function selectPending(store: SqlStore, db: Kysely<Tables>, regionsOfOthers: readonly string[]) {
  return db
    .selectFrom('executions')
    .innerJoin('jobs', 'jobs.id', 'executions.job_id')
    .innerJoin('collections', 'collections.key', 'jobs.collection_key')
    .where('executions.ended_at', 'is', null)
    .where('executions.status', '=', 'pending')
    .where('collections.state', '=', 'Enabled')
    .where(isClaimableHere(store, regionsOfOthers));
}

function selectPendingDue(
  store: SqlStore,
  regionsOfOthers: readonly string[],
  at: { readonly nowMs: number; readonly limit: number },
) {
  return selectPending(store, store.db, regionsOfOthers)
    .selectAll('executions')
    .where('executions.run_at', '<=', at.nowMs)
    .orderBy('executions.run_at')
    .limit(at.limit)
    .modifyEnd(lockFreeRows(store.dialect, 'executions'));
}

function selectJobsDue(
  store: SqlStore,
  regionsOfOthers: readonly string[],
  at: { readonly untilMs: number; readonly limit: number },
) {
  return selectJobs(store.db)
    .where('jobs.next_at', '<=', at.untilMs)
    .where('jobs.state', '=', 'enabled')
    .where('collections.state', '=', 'Enabled')
    .where(isClaimableHere(store, regionsOfOthers))
    .orderBy('jobs.next_at')
    .limit(at.limit)
    .modifyEnd(lockFreeRows(store.dialect, 'jobs'));
}

/** Pending executions that are due, with their jobs. */
interface PendingDue {
  readonly rows: readonly Selectable<ExecutionsTable>[];
  readonly jobs: Map<string, Job>;
}

async function readPendingDue(store: SqlStore, tx: Kysely<Tables>, step: ClaimStep): Promise<PendingDue> {
  const rows = await store.fetch(tx, step.questions.pendingDue(step.nowMs, step.limit));
  const jobIds = rows.map((row) => row.job_id);
  return { rows, jobs: await readJobs(store, tx, jobIds) };
}

async function claimPending(
  store: SqlStore,
  tx: Kysely<Tables>,
  step: ClaimStep,
  { rows, jobs }: PendingDue,
): Promise<readonly Claim[]> {
  if (rows.length === 0) return [];
  const changed = new Map<string, Job>();
  const started: Execution[] = [];
  for (const row of rows) {
    const job = jobs.get(row.job_id);
    if (job === undefined) continue;
    const plan = step.plan.pending(job, fromRow(row), step.nowMs);
    if (plan.job !== job) changed.set(job.id, plan.job);
    jobs.set(job.id, plan.job);
    started.push(plan.execution);
  }
  await store.bulk.change(
    tx,
    START,
    started.map((execution) => [
      execution.status,
      execution.status === 'running' ? store.owner : null,
      execution.startedAtMs ?? null,
      execution.endedAtMs ?? null,
      execution.message,
      execution.reason ?? null,
      execution.id,
    ]),
  );
  await store.bulk.change(
    tx,
    GIVE_UP,
    [...changed.values()].map((job) => [job.state, job.faultedCount, job.id]),
  );
  // Another occurrence may wait for the end of what has now come to nothing.
  await releaseQueued(
    store,
    tx,
    started.filter(({ status }) => status === 'postponed').map(({ jobId }) => jobId),
  );
  return toClaims(jobs, started);
}

async function claimByCalendar(
  store: SqlStore,
  tx: Kysely<Tables>,
  step: ClaimStep,
  rows: readonly JobRow[],
): Promise<Pick<Claimed, 'claims' | 'cancelled'>> {
  const due = rows.map((row) => fromJobRow(store, row));
  const unfinished = await readUnfinished(
    tx,
    due.filter((job) => step.plan.asksForUnfinished(job)),
  );
  const plans: JobPlan[] = [];
  const executions: Execution[] = [];
  const cancelled: string[] = [];
  const claims: Claim[] = [];
  for (const job of due) {
    const plan = step.plan.occurrences(job, { nowMs: step.nowMs, unfinished: unfinished.get(job.id) ?? NONE });
    if (plan === undefined) continue;
    plans.push(plan);
    cancelled.push(...plan.cancelled);
    for (const execution of plan.executions) {
      executions.push(execution);
      if (execution.status === 'running') claims.push({ job: plan.job, execution });
    }
  }
  await saveCalendars(
    store,
    tx,
    plans.map((plan) => plan.job),
  );
  await insertExecutions(store, tx, executions);
  await cancel(store, tx, cancelled, step.nowMs);
  await store.bulk.change(
    tx,
    CLOSE,
    plans.filter(({ job }) => job.state !== 'enabled').map(({ job }) => [job.state, job.id]),
  );
  return { claims, cancelled };
}

const NONE: readonly Execution[] = [];

function toClaims(jobs: ReadonlyMap<string, Job>, executions: readonly Execution[]): readonly Claim[] {
  return executions.flatMap((execution) => {
    const job = jobs.get(execution.jobId);
    return job === undefined || execution.status !== 'running' ? [] : [{ job, execution }];
  });
}

async function readUnfinished(tx: Kysely<Tables>, jobs: readonly Job[]): Promise<Map<string, Execution[]>> {
  if (jobs.length === 0) return new Map();
  const rows = await tx
    .selectFrom('executions')
    .selectAll()
    .where('ended_at', 'is', null)
    .where(
      'job_id',
      'in',
      jobs.map((job) => job.id),
    )
    .orderBy('number')
    .execute();
  return Map.groupBy(rows.map(fromRow), (execution) => execution.jobId);
}

/** Ends executions that their successor displaces. A report of one that comes later is refused, for it is over. */
async function cancel(store: SqlStore, tx: Kysely<Tables>, ids: readonly string[], nowMs: number): Promise<void> {
  if (ids.length === 0) return;
  await tx
    .updateTable('executions')
    .set({
      status: 'failed',
      reason: 'Cancelled',
      ended_at: nowMs,
      message: 'Cancelled: the next occurrence was due and the job says overlap: cancel.',
    })
    .set((set) => ({ started_at: set.fn.coalesce('started_at', set.val(nowMs)) }))
    .where('id', 'in', ids)
    .where('ended_at', 'is', null)
    .execute();
  await store.tell(tx, { kind: 'cancelled', ids });
}

/** When the next thing will be due for a replica that leaves these regions to others. */
export async function earliestDue(
  store: SqlStore,
  db: Kysely<Tables>,
  regionsOfOthers: readonly string[],
): Promise<number | undefined> {
  const job = db
    .selectFrom('jobs')
    .innerJoin('collections', 'collections.key', 'jobs.collection_key')
    .select('jobs.next_at as at')
    .where('jobs.next_at', 'is not', null)
    .where('jobs.state', '=', 'enabled')
    .where('collections.state', '=', 'Enabled')
    .where(isClaimableHere(store, regionsOfOthers));
  const pending = selectPending(store, db, regionsOfOthers).select('executions.run_at as at');
  const first = await job.orderBy('jobs.next_at').limit(1).executeTakeFirst();
  const second = await pending.orderBy('executions.run_at').limit(1).executeTakeFirst();
  const dues = [first?.at, second?.at].filter((at) => typeof at === 'number');
  return dues.length === 0 ? undefined : Math.min(...dues);
}
