import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { Kysely, type SqliteDatabase } from 'kysely';
import { Migrator } from 'kysely/migration';
import { nextTurn, systemClock, type Clock } from '../../common/runtime/clock.ts';
import { describeError, EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import { systemRandom, type RandomSource } from '../../common/runtime/random.ts';
import { NO_KEYS, type KeyRing } from '../secrets/key-ring.ts';
import { assembleStore } from './assemble.ts';
import { sqliteBulk } from './bulk.ts';
import { createDefinitions } from './definitions.ts';
import { createGroupCommit } from './group-commit.ts';
import { migrationsFor } from './migrations.ts';
import type { SqlStore } from './sql.ts';
import { TransactionalSqliteDialect } from './sqlite-dialect.ts';
import type { Store } from './store.ts';
import type { Tables } from './tables.ts';

/** Statements kept prepared; the first are those of the hot paths. */
const MAX_PREPARED = 200;

export interface SqliteOptions {
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Keep the secrets of jobs; none unless told otherwise. */
  readonly keys?: KeyRing;
  /** See `SingleConnection`; a turn of the event loop unless told otherwise. */
  readonly gather?: () => Promise<void>;
}

/**
 * The embedded store: one SQLite file, which belongs to one scheduler at a time. Throws a `UserError` (`STORE_UNUSABLE`) that
 * names the file when it cannot be opened, belongs to a running scheduler, or was written by a newer version.
 */
export async function openSqliteStore(
  file: string,
  options: SqliteOptions = { clock: systemClock, random: systemRandom },
): Promise<Store> {
  const sql = await openSqliteDatabase(file, options);
  // The file is this process's alone, so whoever was there before is gone.
  await sql.write(async (tx) => await tx.deleteFrom('replicas').execute());
  return {
    ...assembleStore(sql, { mayWithdraw: true, awaitStandby: false }),
    // Nobody else can write.
    subscribe: () => () => {},
    close: async () => {
      await sql.db.destroy();
    },
  };
}

/** The database behind the store, with its tables up to date; `db.destroy()` closes it. */
export async function openSqliteDatabase(
  file: string,
  { clock, random, keys = NO_KEYS, gather = nextTurn }: SqliteOptions,
): Promise<SqlStore> {
  const database = openDatabase(file);
  const db = new Kysely<Tables>({ dialect: new TransactionalSqliteDialect({ database: adaptDatabase(database) }) });
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => await Promise.resolve({ ...migrationsFor('sqlite') }) },
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) {
    await db.destroy();
    const isNewer = describeError(error).includes('previously executed migration');
    throw unusable(file, error, isNewer ? 'it was written by a newer version of forewarn' : undefined);
  }
  return {
    dialect: 'sqlite',
    db,
    owner: random.uuid(),
    clock,
    write: createGroupCommit({ db, isInTransaction: () => database.isTransaction, gather }),
    gather,
    bulk: sqliteBulk(database),
    definitions: createDefinitions(keys),
    now: async () => await Promise.resolve(clock.now()),
    tell: async () => {},
  };
}

function openDatabase(file: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { enableForeignKeyConstraints: true });
    // EXCLUSIVE: whoever opens the file next is told so at once. It is what lets a scheduler take every unfinished execution
    // that it finds for an orphan.
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    database.exec('PRAGMA journal_mode = WAL');
    // NORMAL may lose the last commits at power loss (SQLite docs, PRAGMA synchronous); a lost promise would be unsafe.
    database.exec('PRAGMA synchronous = FULL');
    // Takes the lock now rather than at the first write.
    database.exec('BEGIN IMMEDIATE; COMMIT');
    return database;
  } catch (error) {
    database?.close();
    const isLocked = describeError(error).includes('locked');
    throw unusable(
      file,
      error,
      isLocked ? 'another scheduler uses this file; stop it, or set store.sqlite to another' : undefined,
    );
  }
}

function unusable(file: string, cause: unknown, hint: string | undefined): UserError {
  return new UserError(
    'STORE_UNUSABLE',
    `cannot use ${file} as the store (setting store.sqlite): ${describeError(cause)}`,
    {
      ...(hint === undefined ? {} : { hint }),
      exitStatus: EXIT_USAGE,
      cause,
    },
  );
}

/**
 * `node:sqlite` in the form Kysely's SQLite dialect knows: parameters as one array, and `reader` for statements that return
 * rows. What is frequent comes in batches, a few statements of constant text, so most are prepared once.
 */
function adaptDatabase(database: DatabaseSync): SqliteDatabase {
  const prepared = new Map<string, StatementSync>();
  return {
    close: () => {
      database.close();
    },
    prepare: (sql) => {
      // After a failed write SQLite has rolled back by itself; to fail at that too would hide what failed first.
      if (sql === 'rollback' && !database.isTransaction) return NOTHING_TO_DO;
      const statement = prepared.get(sql) ?? database.prepare(sql);
      if (prepared.size < MAX_PREPARED) prepared.set(sql, statement);
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...parameters.map(toInput)),
        run: (parameters) => statement.run(...parameters.map(toInput)),
        iterate: (parameters) => statement.iterate(...parameters.map(toInput)),
      };
    },
  };
}

const NOTHING_TO_DO: ReturnType<SqliteDatabase['prepare']> = {
  reader: false,
  all: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  iterate: () => [].values(),
};

function toInput(value: unknown): SQLInputValue {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
    return value;
  throw new TypeError(`a query parameter is ${typeof value}; the tables hold text and integers only`);
}
