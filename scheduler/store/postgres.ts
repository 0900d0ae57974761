import { Kysely, PostgresDialect, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import type { Pool, PoolConfig } from 'pg';
import { nextTurn, type Clock } from '../../common/runtime/clock.ts';
import { describeError, EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { RandomSource } from '../../common/runtime/random.ts';
import { NO_KEYS, type KeyRing } from '../secrets/key-ring.ts';
import { assembleStore } from './assemble.ts';
import { postgresBulk } from './bulk.ts';
import { createDefinitions } from './definitions.ts';
import { createDatabaseClock, type DatabaseClock } from './database-clock.ts';
import { migrationsFor } from './migrations.ts';
import { createListener, tellOthers } from './postgres-news.ts';
import { checkReplication, createStandbyWatch } from './postgres-replication.ts';
import type { Replication } from './replication.ts';
import type { SqlStore } from './sql.ts';
import type { Store } from './store.ts';
import type { Tables } from './tables.ts';

export interface PostgresSettings {
  /** `postgres://user:password@host:port/database` */
  readonly url: string;
  /** Connections besides the one that listens. */
  readonly connections: number;
  readonly replication: Replication;
}

export interface PostgresParts {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: Log;
  /** Keep the secrets of jobs; none unless told otherwise. */
  readonly keys?: KeyRing;
}

interface DatabaseParts extends PostgresParts {
  /** Called when a commit may be waiting for a standby that is gone. */
  readonly suspectStandby?: (db: Kysely<Tables>) => Promise<void>;
}

/** A statement takes milliseconds; one that takes so long waits for something that has gone wrong. */
const STATEMENT_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5000;
/**
 * Longest that a connection is lent out: longer than any statement may take, so whoever still waits then waits for a server
 * that is no longer there (a half-open connection says nothing by itself for a quarter of an hour).
 */
const MAX_LENT_MS = STATEMENT_TIMEOUT_MS + 2000;
/** Before the first probe of an idle connection. */
const KEEPALIVE_MS = 10_000;
/** Times a transaction is tried again that PostgreSQL ended for the sake of another. */
const MAX_TRIES = 5;

/**
 * The store of several replicas: one PostgreSQL database. Throws a `UserError` (`STORE_UNUSABLE`) when it cannot be reached,
 * was written by a newer version, or replicates in another way than the settings say.
 */
export async function openPostgresStore(settings: PostgresSettings, parts: PostgresParts): Promise<Store> {
  const suspectStandby = createStandbyWatch(describeServer(settings.url), parts.clock, parts.log);
  const { store, pool } = await openPostgresDatabase(settings, { ...parts, suspectStandby });
  try {
    await checkReplication(store.db, settings.replication);
    const listener = await createListener({ ...parts, config: connectionOf(settings), owner: store.owner });
    return {
      ...assembleStore(store, {
        mayWithdraw: settings.replication !== 'asynchronous',
        awaitStandby: settings.replication === 'synchronous',
      }),
      subscribe: (heard) => listener.subscribe(heard),
      close: async () => {
        await listener.close();
        await store.db.destroy();
      },
    };
  } catch (error) {
    await store.db.destroy();
    if (!pool.ended) await pool.end();
    throw error;
  }
}

/** The database behind the store, with its tables up to date; `store.db.destroy()` closes it. */
export async function openPostgresDatabase(
  settings: PostgresSettings,
  { clock, random, log, keys = NO_KEYS, suspectStandby }: DatabaseParts,
  /** For copying all there is, which takes what it takes. */
  { isUnhurried }: { readonly isUnhurried: boolean } = { isUnhurried: false },
): Promise<{ readonly store: SqlStore; readonly pool: Pool }> {
  await migrate(settings, suspectStandby);
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({
    ...connectionOf(settings),
    max: settings.connections,
    ...(isUnhurried
      ? {}
      : { statement_timeout: STATEMENT_TIMEOUT_MS, idle_in_transaction_session_timeout: MAX_LENT_MS }),
  });
  // Connections that break while nobody uses them; whoever needs one gets another.
  pool.on('error', (error) => {
    log.warn({ err: describeError(error) }, 'connection to PostgreSQL lost');
  });
  tolerateLoss(pool);
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  if (!isUnhurried) {
    limitLending(pool, clock, () => {
      // It never rejects, and nobody waits for what it says.
      void suspectStandby?.(db);
    });
  }
  const owner = random.uuid();
  const databaseClock = createDatabaseClock(clock);
  const now = async (tx: Kysely<Tables>): Promise<number> => await readClock(tx, databaseClock);
  await now(db);
  return {
    pool,
    store: {
      dialect: 'postgres',
      db,
      owner,
      clock: databaseClock,
      now,
      gather: nextTurn,
      bulk: postgresBulk,
      fetch: async (tx, query) => (await tx.executeQuery(query)).rows,
      together: async (first, second) => [await first(), await second()],
      definitions: createDefinitions(keys),
      write: async (work) => await transact(db, work),
      tell: async (tx, news) => {
        await tellOthers(tx, owner, news);
      },
    },
  };
}

/** What both kinds of connection have in common. */
function connectionOf(settings: PostgresSettings): PoolConfig {
  return {
    connectionString: settings.url,
    application_name: 'forewarn scheduler',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_MS,
    types: { getTypeParser: (id) => (NUMBERS.has(id) ? Number : (text: string) => text) },
  };
}

/** int8 and int4 by their numbers in PostgreSQL's catalogue: times and counters, all below 2^53. All else here is text. */
const NUMBERS: ReadonlySet<number> = new Set([20, 23]);

async function migrate(settings: PostgresSettings, suspectStandby: DatabaseParts['suspectStandby']): Promise<void> {
  const { default: pg } = await import('pg');
  // Without time limit: the first of several replicas may take long over it, and the others wait for it.
  const pool = new pg.Pool({ ...connectionOf(settings), max: 2 });
  pool.on('error', () => {
    // The migration itself fails with the reason.
  });
  tolerateLoss(pool);
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  // Before the first write, which would wait for it.
  await suspectStandby?.(db);
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => await Promise.resolve({ ...migrationsFor('postgres') }) },
    // Names of our own: the database may be shared with another program that uses the same library.
    migrationTableName: 'forewarn_migration',
    migrationLockTableName: 'forewarn_migration_lock',
  });
  const { error } = await migrator.migrateToLatest();
  await db.destroy();
  if (error === undefined) return;
  throw new UserError(
    'STORE_UNUSABLE',
    `cannot use ${describeServer(settings.url)} as the store (setting store.postgres): ${describeError(error)}`,
    { hint: 'is it running, and not written by a newer version of forewarn?', exitStatus: EXIT_USAGE, cause: error },
  );
}

/** The address without what must not be logged. */
export function describeServer(url: string): string {
  if (!URL.canParse(url)) return 'PostgreSQL';
  const { host, pathname, searchParams } = new URL(url);
  return `PostgreSQL at ${host === '' ? (searchParams.get('host') ?? 'its socket') : host}${pathname}`;
}

/** A connection that breaks while it is lent out fails its query; without a listener it would end the process as well. */
function tolerateLoss(pool: Pool): void {
  pool.on('connect', (client) => {
    client.on('error', () => {});
  });
}

/** Ends connections that were lent out for longer than anything may take; whoever waits on one gets an error. */
function limitLending(pool: Pool, clock: Clock, onOverdue: () => void): void {
  const limits = new WeakMap<object, () => void>();
  pool.on('acquire', (client) => {
    limits.set(
      client,
      clock.after(MAX_LENT_MS, () => {
        // Its pending query is what fails; the end itself may never be confirmed.
        void client.end();
        onOverdue();
      }),
    );
  });
  pool.on('release', (_error, client) => {
    limits.get(client)?.();
  });
}

async function readClock(tx: Kysely<Tables>, clock: DatabaseClock): Promise<number> {
  const askedMs = clock.monotonic();
  const { rows } = await sql<{
    now: number;
  }>`select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now`.execute(tx);
  const nowMs = rows[0]?.now;
  if (nowMs === undefined) throw new Error('PostgreSQL did not tell the time');
  clock.learn(nowMs, askedMs, clock.monotonic());
  return nowMs;
}

async function transact<Result>(db: Kysely<Tables>, work: (tx: Kysely<Tables>) => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await db.transaction().execute(async (tx) => await work(tx));
    } catch (error) {
      if (tries >= MAX_TRIES || !isConflict(error)) throw error;
    }
  }
}

/** Ended so that another could go on: serialization failure, deadlock ("PostgreSQL Error Codes", class 40). */
function isConflict(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === '40001' || error.code === '40P01');
}
