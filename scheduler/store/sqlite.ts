import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { Kysely, SqliteDialect, type SqliteDatabase } from 'kysely';
import { Migrator } from 'kysely/migration';
import { describeError, EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import { createAgreementStore } from './agreements.ts';
import { createExecutionStore } from './executions.ts';
import { createJobStore } from './jobs.ts';
import { MIGRATIONS } from './migrations.ts';
import { createRolloutStore } from './rollouts.ts';
import type { Store } from './store.ts';
import type { Tables } from './tables.ts';
import { createVmStore } from './vms.ts';

/**
 * The embedded store: one SQLite file, which belongs to one scheduler at a time. Throws a `UserError` (`STORE_UNUSABLE`) that
 * names the file when it cannot be opened, belongs to a running scheduler, or was written by a newer version.
 */
export async function openSqliteStore(file: string): Promise<Store> {
  const database = openDatabase(file);
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: adaptDatabase(database) }) });
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => await Promise.resolve({ ...MIGRATIONS }) },
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) {
    await db.destroy();
    throw unusable(file, error, 'was it written by a newer version of forewarn?');
  }
  return {
    jobs: createJobStore(db),
    executions: createExecutionStore(db),
    agreements: createAgreementStore(db),
    vms: createVmStore(db),
    rollouts: createRolloutStore(db),
    close: async () => {
      await db.destroy();
    },
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
 * rows. Statements are prepared anew each time: the dialect has a few dozen short ones, and keeping them saves little.
 */
function adaptDatabase(database: DatabaseSync): SqliteDatabase {
  return {
    close: () => {
      database.close();
    },
    prepare: (sql) => {
      const statement = database.prepare(sql);
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...parameters.map(toInput)),
        run: (parameters) => statement.run(...parameters.map(toInput)),
        iterate: (parameters) => statement.iterate(...parameters.map(toInput)),
      };
    },
  };
}

function toInput(value: unknown): SQLInputValue {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
    return value;
  throw new TypeError(`a query parameter is ${typeof value}; the tables hold text and integers only`);
}
