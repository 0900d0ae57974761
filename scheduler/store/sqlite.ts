import { Kysely, type CompiledQuery } from 'kysely';
import { Migrator } from 'kysely/migration';
import { nextTurn, systemClock, type Clock } from '../../common/runtime/clock.ts';
import { describeError, EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import { createLog, type Log } from '../../common/runtime/log.ts';
import { systemRandom, type RandomSource } from '../../common/runtime/random.ts';
import { NO_KEYS, type KeyRing } from '../secrets/key-ring.ts';
import { assembleStore } from './assemble.ts';
import { sqliteBulk } from './bulk.ts';
import { createDefinitions } from './definitions.ts';
import { createGroupCommit } from './group-commit.ts';
import { migrationsFor } from './migrations.ts';
import type { SqlStore } from './sql.ts';
import { SqliteLine, sqliteDialect } from './sqlite-dialect.ts';
import { openSqliteHere, openSqliteInThread, type SqliteHandle } from './sqlite-handle.ts';
import type { Store } from './store.ts';
import type { Tables } from './tables.ts';

export interface SqliteOptions {
  readonly clock: Clock;
  readonly random: RandomSource;
  /** The scheduler's own unless told otherwise. */
  readonly log?: Log;
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
  { clock, random, log, keys = NO_KEYS, gather = nextTurn }: SqliteOptions,
): Promise<SqlStore> {
  const line = new SqliteLine(await openHandle(file, log ?? createLog('scheduler', 'error')));
  const db = new Kysely<Tables>({ dialect: sqliteDialect(line) });
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
    write: createGroupCommit({ db, gather }),
    gather,
    bulk: sqliteBulk(line),
    fetch: async <Row>(_tx: Kysely<Tables>, query: CompiledQuery<Row>) => (await line.executeQuery<Row>(query)).rows,
    together: async (first, second) => await Promise.all([first(), second()]),
    definitions: createDefinitions(keys),
    now: async () => await Promise.resolve(clock.now()),
    tell: async () => {},
  };
}

async function openHandle(file: string, log: Log): Promise<SqliteHandle> {
  try {
    return file === ':memory:' ? openSqliteHere(file) : await openSqliteInThread(file, { log });
  } catch (error) {
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
