import { sql, type ExpressionBuilder, type Kysely, type Selectable } from 'kysely';
import { z } from 'zod';
import { JOB_STATES } from '../jobs/definition.ts';
import {
  collectionKey,
  COLLECTION_STATES,
  quotaSchema,
  SKUS,
  type CollectionRef,
  type Job,
  type JobCollection,
  type JobRef,
  type Sku,
} from '../jobs/job.ts';
import type { PlanCounts } from '../jobs/plans.ts';
import { canonicalRegion } from '../replicas/regions.ts';
import { lockName } from './names.ts';
import { idRows, lockRows, type SqlStore } from './sql.ts';
import type { JobPage, JobStore } from './store.ts';
import type { CollectionsTable, JobsTable, Tables } from './tables.ts';

const jobStateSchema = z.enum(JOB_STATES);
const NO_COUNTS: PlanCounts = { Free: 0, Standard: 0, P10Premium: 0, P20Premium: 0 };
const tagsSchema = z.record(z.string(), z.string());

/** Job collections and jobs in SQL. */
export function createJobStore(store: SqlStore): JobStore {
  const { db } = store;
  return {
    changeCollection: async (ref, change, judge) =>
      await store.write(async (tx) => {
        // Its subscription, for what it has of other collections decides too. This comes before the collection's own name, always.
        await lockName(store, tx, keyPrefix({ subscription: ref.subscription }));
        await lockName(store, tx, collectionKey(ref));
        const current = await findCollection(tx, ref);
        const next = change(current);
        if (next === undefined) return current;
        judge?.judge(current, next, {
          counts: judge.asksForCounts(current, next)
            ? await countPlans(tx, ref.subscription, collectionKey(ref))
            : NO_COUNTS,
          jobs: current !== undefined && judge.asksForJobs(current, next) ? await listJobs(store, tx, ref) : [],
        });
        const row = toCollectionRow(next);
        await tx
          .insertInto('collections')
          .values(row)
          .onConflict((conflict) => conflict.column('key').doUpdateSet(row))
          .execute();
        // Enabled, it may have brought a hundred jobs that are due.
        await store.tell(tx, { kind: 'due' });
        return next;
      }),
    findCollection: async (ref) => await findCollection(db, ref),
    listCollections: async (of) => {
      const rows = await db
        .selectFrom('collections')
        .selectAll()
        .where(withPrefix(keyPrefix(of)))
        .orderBy('name')
        .execute();
      // A slash within a name makes the key of another begin alike.
      return rows
        .filter((row) => isSame(row.subscription, of.subscription))
        .filter((row) => of.resourceGroup === undefined || isSame(row.resource_group, of.resourceGroup))
        .map(fromCollectionRow);
    },
    deleteCollection: async (ref) =>
      await store.write(async (tx) => {
        // A job that is just being written into it is written before, or not at all.
        await lockName(store, tx, collectionKey(ref));
        const result = await tx.deleteFrom('collections').where('key', '=', collectionKey(ref)).executeTakeFirst();
        return result.numDeletedRows > 0n;
      }),
    changeJob: async (ref, change) =>
      await store.write(async (tx) => {
        // The number of siblings is what `change` judges by, so no other job may come into the collection meanwhile.
        await lockName(store, tx, collectionKey(ref));
        const current = await findJob(store, tx, ref, lockRows(store.dialect, 'jobs'));
        const siblings = current === undefined ? await countJobs(tx, ref) : 0;
        const next = change(current, siblings, await findCollection(tx, ref));
        if (next === undefined) return current;
        await saveJob(store, tx, next);
        if (next.nextAtMs !== undefined) await store.tell(tx, { kind: 'due' });
        return next;
      }),
    findJob: async (ref) => await findJob(store, db, ref),
    listJobs: async (ref, page) => await listJobs(store, db, ref, page),
    countPlans: async (subscription) => await countPlans(db, subscription),
    prune: async (beforeMs) => {
      await store.write(async (tx) => {
        await pruneJobs(tx, beforeMs);
      });
    },
    deleteJob: async (ref) =>
      await store.write(async (tx) => {
        const result = await tx
          .deleteFrom('jobs')
          .where('collection_key', '=', collectionKey(ref))
          .where('key', '=', ref.job.toLowerCase())
          .executeTakeFirst();
        return result.numDeletedRows > 0n;
      }),
  };
}

/** Begins the keys of all collections of a subscription, or of one of its resource groups. */
function keyPrefix(of: { readonly subscription: string; readonly resourceGroup?: string }): string {
  const group = of.resourceGroup === undefined ? '' : `${of.resourceGroup.toLowerCase()}/`;
  return `${of.subscription.toLowerCase()}/${group}`;
}

/** The collections whose key begins with `prefix`, which ends in a slash; '0' is the character after '/'. */
function withPrefix(prefix: string) {
  return (on: ExpressionBuilder<Tables, 'collections'>) =>
    on.and([on('key', '>=', prefix), on('key', '<', `${prefix.slice(0, -1)}0`)]);
}

async function countPlans(db: Kysely<Tables>, subscription: string, except = ''): Promise<PlanCounts> {
  const rows = await db
    .selectFrom('collections')
    .select((select) => ['sku', select.fn.countAll<number>().as('number')])
    .where(withPrefix(keyPrefix({ subscription })))
    .where('key', '!=', except)
    .groupBy('sku')
    .execute();
  const counts = new Map(rows.map((row) => [row.sku, row.number]));
  const of = (sku: Sku): number => counts.get(sku) ?? 0;
  return { Free: of('Free'), Standard: of('Standard'), P10Premium: of('P10Premium'), P20Premium: of('P20Premium') };
}

async function listJobs(
  store: SqlStore,
  db: Kysely<Tables>,
  ref: CollectionRef,
  page?: JobPage,
): Promise<readonly Job[]> {
  let query = selectJobs(db).where('jobs.collection_key', '=', collectionKey(ref)).orderBy('jobs.name');
  if (page !== undefined) query = query.limit(page.top).offset(page.skip);
  if (page?.state !== undefined) query = query.where('jobs.state', '=', page.state);
  const rows = await query.execute();
  return rows.map((row) => fromJobRow(store, row));
}

/** Jobs that are over for so long, with their history. */
async function pruneJobs(tx: Kysely<Tables>, beforeMs: number): Promise<void> {
  await tx
    .deleteFrom('jobs')
    .where('state', 'in', ['completed', 'faulted'])
    .where((on) =>
      on.or([
        on('last_execution_at', '<', beforeMs),
        // All its occurrences were missed or left out: what is known of its end is when the last of them was.
        on.and([
          on('last_execution_at', 'is', null),
          on('anchor_at', '<', beforeMs),
          on.not(
            on.exists(
              on
                .selectFrom('executions')
                .select('executions.id')
                .whereRef('executions.job_id', '=', 'jobs.id')
                .where('executions.run_at', '>=', beforeMs),
            ),
          ),
        ]),
      ]),
    )
    .execute();
}

async function countJobs(db: Kysely<Tables>, ref: CollectionRef): Promise<number> {
  const { number } = await db
    .selectFrom('jobs')
    .select((select) => select.fn.countAll<number>().as('number'))
    .where('collection_key', '=', collectionKey(ref))
    .executeTakeFirstOrThrow();
  return number;
}

/**
 * Locks the jobs with these ids, in the order of their ids, so that two replicas never wait for each other in a circle. An
 * embedded store has one writer at a time anyway.
 */
export async function lockJobs(store: SqlStore, tx: Kysely<Tables>, jobIds: readonly string[]): Promise<void> {
  if (store.dialect === 'sqlite' || jobIds.length === 0) return;
  const ids = idRows(store.dialect, jobIds);
  await tx
    .selectFrom('jobs')
    .select('id')
    .where(sql<boolean>`id in (select v.id from ${ids})`)
    .orderBy('id')
    .modifyEnd(lockRows(store.dialect, 'jobs'))
    .execute();
}

/** Jobs with the names of the collection they are in. */
export function selectJobs(db: Kysely<Tables>) {
  return db
    .selectFrom('jobs')
    .innerJoin('collections', 'collections.key', 'jobs.collection_key')
    .select(JOB_COLUMNS)
    .select(['collections.subscription', 'collections.resource_group', 'collections.name as collection']);
}

/** What a job is made of; the other columns are for finding it. */
const JOB_COLUMNS = [
  'jobs.id',
  'jobs.name',
  'jobs.definition',
  'jobs.secrets',
  'jobs.state',
  'jobs.anchor_at',
  'jobs.next_at',
  'jobs.made',
  'jobs.execution_count',
  'jobs.failure_count',
  'jobs.faulted_count',
  'jobs.last_execution_at',
] as const;

type JobColumn<Name> = Name extends `jobs.${infer Column extends keyof JobsTable}` ? Column : never;

/** A row of `selectJobs`. */
export type JobRow = Pick<Selectable<JobsTable>, JobColumn<(typeof JOB_COLUMNS)[number]>> & {
  readonly subscription: string;
  readonly resource_group: string;
  readonly collection: string;
};

export function fromJobRow({ definitions }: Pick<SqlStore, 'definitions'>, row: JobRow): Job {
  return {
    id: row.id,
    subscription: row.subscription,
    resourceGroup: row.resource_group,
    collection: row.collection,
    job: row.name,
    definition: definitions.read(row.id, row),
    state: jobStateSchema.parse(row.state),
    anchorMs: row.anchor_at,
    nextAtMs: row.next_at ?? undefined,
    made: row.made,
    executionCount: row.execution_count,
    failureCount: row.failure_count,
    faultedCount: row.faulted_count,
    lastExecutionAtMs: row.last_execution_at ?? undefined,
  };
}

/** Inside a transaction of the caller. */
async function saveJob({ definitions }: SqlStore, tx: Kysely<Tables>, job: Job): Promise<void> {
  const row = {
    id: job.id,
    collection_key: collectionKey(job),
    key: job.job.toLowerCase(),
    name: job.job,
    ...definitions.write(job.id, job.definition),
    state: job.state,
    anchor_at: job.anchorMs,
    next_at: job.nextAtMs ?? null,
    made: job.made,
    execution_count: job.executionCount,
    failure_count: job.failureCount,
    faulted_count: job.faultedCount,
    last_execution_at: job.lastExecutionAtMs ?? null,
    is_fleet: job.definition.action.type === 'Fleet' ? 1 : 0,
  };
  await tx
    .insertInto('jobs')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
}

async function findJob(store: SqlStore, db: Kysely<Tables>, ref: JobRef, end = sql``): Promise<Job | undefined> {
  const row = await selectJobs(db)
    .where('jobs.collection_key', '=', collectionKey(ref))
    .where('jobs.key', '=', ref.job.toLowerCase())
    .modifyEnd(end)
    .executeTakeFirst();
  return row === undefined ? undefined : fromJobRow(store, row);
}

async function findCollection(db: Kysely<Tables>, ref: CollectionRef): Promise<JobCollection | undefined> {
  const row = await db.selectFrom('collections').selectAll().where('key', '=', collectionKey(ref)).executeTakeFirst();
  return row === undefined ? undefined : fromCollectionRow(row);
}

function toCollectionRow(collection: JobCollection): CollectionsTable {
  return {
    key: collectionKey(collection),
    subscription: collection.subscription,
    resource_group: collection.resourceGroup,
    name: collection.collection,
    location: collection.location,
    tags: collection.tags === undefined ? null : JSON.stringify(collection.tags),
    sku: collection.sku,
    quota: collection.quota === undefined ? null : JSON.stringify(collection.quota),
    state: collection.state,
    created_at: collection.createdAtMs,
    region: canonicalRegion(collection.location),
  };
}

function fromCollectionRow(row: Selectable<CollectionsTable>): JobCollection {
  return {
    subscription: row.subscription,
    resourceGroup: row.resource_group,
    collection: row.name,
    location: row.location,
    tags: row.tags === null ? undefined : tagsSchema.parse(JSON.parse(row.tags)),
    sku: z.enum(SKUS).parse(row.sku),
    quota: row.quota === null ? undefined : quotaSchema.parse(JSON.parse(row.quota)),
    state: z.enum(COLLECTION_STATES).parse(row.state),
    createdAtMs: row.created_at,
  };
}

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
