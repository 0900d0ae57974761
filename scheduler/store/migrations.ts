import { sql, type Kysely, type RawBuilder } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { SqlDialect } from './sql.ts';

/**
 * Changes to the tables, in the order of their numbers. A published one is never edited: what it left out is the next one's.
 *
 * Kysely runs them in one transaction that holds PostgreSQL's transaction-level advisory lock, so replicas that start
 * together wait for the first of them.
 */
export function migrationsFor(dialect: SqlDialect): Readonly<Record<string, Migration>> {
  return {
    '0001-first-tables': { up: async (db) => await createFirstTables(db, dialect) },
    '0002-replicas': { up: async (db) => await addReplicas(db, dialect) },
    '0003-enrolment': { up: async (db) => await addEnrolment(db, dialect) },
    '0004-secrets': { up: async (db) => await addSecrets(db, dialect) },
    '0005-access': { up: async (db) => await addAccess(db, dialect) },
    '0006-fleet-of-replicas': { up: async (db) => await addFleetOfReplicas(db, dialect) },
    '0007-leave-grants': { up: async (db) => await addLeaveGrants(db, dialect) },
  };
}

/** Text that sorts by its code points whatever the database's locale: lists are in ordinal order, as the real service's. */
function textOf(dialect: SqlDialect): RawBuilder<unknown> {
  return dialect === 'postgres' ? sql`text collate "C"` : sql`text`;
}

async function createFirstTables(db: Kysely<unknown>, dialect: SqlDialect): Promise<void> {
  const text = textOf(dialect);
  await db.schema
    .createTable('collections')
    .addColumn('key', text, (column) => column.primaryKey())
    .addColumn('subscription', text, (column) => column.notNull())
    .addColumn('resource_group', text, (column) => column.notNull())
    .addColumn('name', text, (column) => column.notNull())
    .addColumn('location', text, (column) => column.notNull())
    .addColumn('tags', text)
    .addColumn('sku', text, (column) => column.notNull())
    .addColumn('quota', text)
    .addColumn('state', text, (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('jobs')
    .addColumn('id', text, (column) => column.primaryKey())
    .addColumn('collection_key', text, (column) => column.notNull().references('collections.key').onDelete('cascade'))
    .addColumn('key', text, (column) => column.notNull())
    .addColumn('name', text, (column) => column.notNull())
    .addColumn('definition', text, (column) => column.notNull())
    .addColumn('state', text, (column) => column.notNull())
    .addColumn('anchor_at', 'bigint', (column) => column.notNull())
    .addColumn('next_at', 'bigint')
    .addColumn('made', 'integer', (column) => column.notNull())
    .addColumn('execution_count', 'integer', (column) => column.notNull())
    .addColumn('failure_count', 'integer', (column) => column.notNull())
    .addColumn('faulted_count', 'integer', (column) => column.notNull())
    .addColumn('last_execution_at', 'bigint')
    .addUniqueConstraint('jobs_by_name', ['collection_key', 'key'])
    .execute();
  // The engine asks for the earliest due job all the time; jobs that are never due again stay out of its way.
  await db.schema.createIndex('jobs_by_due').on('jobs').column('next_at').execute();
  await createExecutions(db, dialect);
  await createFleetTables(db, text);
}

async function createFleetTables(db: Kysely<unknown>, text: RawBuilder<unknown>): Promise<void> {
  await db.schema
    .createTable('agreements')
    .addColumn('scope', text, (column) => column.notNull())
    .addColumn('event_id', text, (column) => column.notNull())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('phase', text, (column) => column.notNull())
    .addColumn('record', text, (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('agreements_by_event', ['scope', 'event_id'])
    .execute();
  await db.schema.createIndex('agreements_by_change').on('agreements').column('updated_at').execute();
  await db.schema
    .createTable('vms')
    .addColumn('key', text, (column) => column.primaryKey())
    .addColumn('identity', text, (column) => column.notNull())
    .addColumn('agent_version', text, (column) => column.notNull())
    .addColumn('inventory', text)
    .addColumn('first_seen_at', 'bigint', (column) => column.notNull())
    .addColumn('last_seen_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('rollouts')
    .addColumn('id', text, (column) => column.primaryKey())
    .addColumn('status', text, (column) => column.notNull())
    .addColumn('started_at', 'bigint', (column) => column.notNull())
    .addColumn('state', text, (column) => column.notNull())
    .execute();
}

async function createExecutions(db: Kysely<unknown>, dialect: SqlDialect): Promise<void> {
  const text = textOf(dialect);
  const table = db.schema.createTable('executions');
  const numbered =
    dialect === 'postgres'
      ? table.addColumn('number', 'bigserial', (column) => column.primaryKey())
      : table.addColumn('number', 'integer', (column) => column.primaryKey().autoIncrement());
  await numbered
    .addColumn('id', text, (column) => column.notNull().unique())
    .addColumn('job_id', text, (column) => column.notNull().references('jobs.id').onDelete('cascade'))
    .addColumn('due_at', 'bigint', (column) => column.notNull())
    .addColumn('repeat_number', 'integer', (column) => column.notNull())
    .addColumn('retry_number', 'integer', (column) => column.notNull())
    .addColumn('attempt', 'integer', (column) => column.notNull())
    .addColumn('status', text, (column) => column.notNull())
    .addColumn('run_at', 'bigint', (column) => column.notNull())
    .addColumn('started_at', 'bigint')
    .addColumn('ended_at', 'bigint')
    .addColumn('message', text, (column) => column.notNull())
    .addColumn('idempotency_key', text, (column) => column.notNull())
    .addColumn('by_hand', 'integer', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('executions_by_job').on('executions').columns(['job_id', 'started_at']).execute();
  await db.schema.createIndex('executions_by_status').on('executions').columns(['status', 'run_at']).execute();
}

async function addReplicas(db: Kysely<unknown>, dialect: SqlDialect): Promise<void> {
  const text = textOf(dialect);
  await db.schema
    .createTable('replicas')
    .addColumn('owner', text, (column) => column.primaryKey())
    .addColumn('name', text, (column) => column.notNull())
    .addColumn('region', text)
    .addColumn('started_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema.alterTable('executions').addColumn('owner', text).execute();
  await db.schema
    .alterTable('executions')
    .addColumn('action', text, (column) => column.notNull().defaultTo('main'))
    .execute();
  await db.schema.alterTable('executions').addColumn('reason', text).execute();
  await db.schema
    .alterTable('collections')
    .addColumn('region', text, (column) => column.notNull().defaultTo(''))
    .execute();
  // As regions.ts compares them; what is written from now on brings its own.
  await sql`update collections set region = lower(replace(location, ' ', ''))`.execute(db);
  await db.schema
    .alterTable('agreements')
    .addColumn('term', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute();
  // History is long and what is under way is short: this holds the short part only.
  await sql`create index executions_under_way on executions (status, run_at) where ended_at is null`.execute(db);
  await db.schema.dropIndex('executions_by_status').execute();
  await db.schema.dropIndex('jobs_by_due').execute();
  // Kept apart by what never changes while a job waits, so that a million jobs without a next time cost nothing.
  await sql`create index jobs_by_due on jobs (next_at) where next_at is not null`.execute(db);
}

async function addEnrolment(db: Kysely<unknown>, dialect: SqlDialect): Promise<void> {
  const text = textOf(dialect);
  await db.schema
    .createTable('agent_keys')
    .addColumn('scope', text, (column) => column.notNull())
    .addColumn('name', text, (column) => column.notNull())
    .addColumn('vm_id', text, (column) => column.notNull())
    .addColumn('public_key', text, (column) => column.notNull())
    .addColumn('enrolled_at', 'bigint', (column) => column.notNull())
    .addColumn('rotated_at', 'bigint')
    .addColumn('revoked_at', 'bigint')
    .addColumn('changed_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('agent_keys_by_vm', ['scope', 'name'])
    .execute();
  await db.schema.createIndex('agent_keys_by_change').on('agent_keys').column('changed_at').execute();
  await db.schema
    .createTable('enrolment_tokens')
    .addColumn('hash', text, (column) => column.primaryKey())
    .addColumn('scope', text, (column) => column.notNull())
    .addColumn('name', text)
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('used_at', 'bigint')
    .execute();
}

async function addSecrets(db: Kysely<unknown>, dialect: SqlDialect): Promise<void> {
  const text = textOf(dialect);
  await db.schema.alterTable('jobs').addColumn('secrets', text).execute();
  await db.schema.alterTable('jobs').addColumn('secret_key', text).execute();
  // Asked at every start; few jobs have secrets.
  await sql`create index jobs_by_secret_key on jobs (secret_key) where secret_key is not null`.execute(db);
}

async function addAccess(db: Kysely<unknown>, dialect: SqlDialect): Promise<void> {
  const text = textOf(dialect);
  await db.schema
    .createTable('access_users')
    .addColumn('key', text, (column) => column.primaryKey())
    .addColumn('name', text, (column) => column.notNull())
    .addColumn('grants', text, (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('access_tokens')
    .addColumn('hash', text, (column) => column.primaryKey())
    .addColumn('id', text, (column) => column.notNull())
    .addColumn('user_key', text, (column) => column.notNull().references('access_users.key').onDelete('cascade'))
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint')
    .execute();
  await db.schema.createIndex('access_tokens_by_user').on('access_tokens').column('user_key').execute();
}

/** What lets one replica roll over the agents of all of them. */
async function addFleetOfReplicas(db: Kysely<unknown>, dialect: SqlDialect): Promise<void> {
  const text = textOf(dialect);
  await db.schema
    .alterTable('replicas')
    .addColumn('number', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute();
  await db.schema
    .alterTable('jobs')
    .addColumn('is_fleet', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();
  await sql`update jobs set is_fleet = 1 where definition like '%"type":"Fleet"%'`.execute(db);
  await db.schema.alterTable('vms').addColumn('owner', text).execute();
  await db.schema.alterTable('vms').addColumn('connection', text).execute();
  await db.schema.alterTable('vms').addColumn('connected_at', 'bigint').execute();
  await db.schema.alterTable('vms').addColumn('health', text).execute();
  await db.schema.alterTable('vms').addColumn('health_at', 'bigint').execute();
  const mail = db.schema.createTable('mail');
  const numbered =
    dialect === 'postgres'
      ? mail.addColumn('number', 'bigserial', (column) => column.primaryKey())
      : mail.addColumn('number', 'integer', (column) => column.primaryKey().autoIncrement());
  await numbered
    .addColumn('to_owner', text, (column) => column.notNull())
    .addColumn('body', text, (column) => column.notNull())
    .execute();
  await db.schema.createIndex('mail_by_receiver').on('mail').columns(['to_owner', 'number']).execute();
  // Of all that there ever were, the few that are looked at again and again.
  await sql`create index rollouts_running on rollouts (id) where status = 'running'`.execute(db);
}

async function addLeaveGrants(db: Kysely<unknown>, dialect: SqlDialect): Promise<void> {
  const text = textOf(dialect);
  await db.schema
    .createTable('leave_grants')
    .addColumn('key', text, (column) => column.primaryKey())
    .addColumn('grants', text, (column) => column.notNull())
    .execute();
}
