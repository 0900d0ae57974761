import { sql, type Kysely } from 'kysely';
import type { Tables } from './tables.ts';

/** What group commit needs to know of the connection. */
export interface SingleConnection {
  readonly db: Kysely<Tables>;
  /** Resolves when whoever was made ready by the same events has asked as well. */
  readonly gather: () => Promise<void>;
}

interface Waiting {
  /** Runs the work inside the group's transaction. */
  run(tx: Kysely<Tables>): Promise<void>;
  committed(): void;
  failed(error: unknown): void;
}

/** Writers that share one commit. More gain nothing, and each holds up what is read meanwhile. */
const MAX_GROUP = 500;

/**
 * Many writers, one fsync. What is asked for while others are being written, or in the same turn of the event loop, is
 * written in one transaction, each writer inside a savepoint of its own: one that fails undoes its own changes only. Nobody
 * is told of success before the commit of all.
 */
export function createGroupCommit(connection: SingleConnection): SqlWriter {
  const waiting: Waiting[] = [];
  let work: Promise<void> | undefined;

  const commitAll = async (): Promise<void> => {
    await connection.gather();
    while (waiting.length > 0) await commitGroup(connection, waiting.splice(0, MAX_GROUP));
    work = undefined;
  };

  return async (change) =>
    await new Promise((resolve, reject) => {
      let result: { readonly value: Awaited<ReturnType<typeof change>> } | undefined;
      waiting.push({
        run: async (tx) => {
          result = { value: await change(tx) };
        },
        committed: () => {
          if (result !== undefined) resolve(result.value);
        },
        failed: reject,
      });
      work ??= commitAll();
    });
}

export type SqlWriter = <Result>(work: (tx: Kysely<Tables>) => Promise<Result>) => Promise<Result>;

async function commitGroup(connection: SingleConnection, group: readonly Waiting[]): Promise<void> {
  const { db } = connection;
  try {
    const done = await db.connection().execute(async (tx) => {
      await sql`begin immediate`.execute(tx);
      try {
        const kept = await runAll(tx, group);
        await sql`commit`.execute(tx);
        return kept;
      } catch (error) {
        // Does nothing where SQLite has ended it by itself: when the disk is full or fails ("SQL As Understood", COMMIT).
        await sql`rollback`.execute(tx);
        throw error;
      }
    });
    for (const writer of done) writer.committed();
  } catch (error) {
    // Those that had failed by themselves know it already; a promise takes the first answer only.
    for (const writer of group) writer.failed(error);
  }
}

/** Resolves with the writers whose changes stand. */
async function runAll(tx: Kysely<Tables>, group: readonly Waiting[]): Promise<readonly Waiting[]> {
  const kept: Waiting[] = [];
  for (const writer of group) {
    await sql`savepoint writer`.execute(tx);
    try {
      await writer.run(tx);
      kept.push(writer);
    } catch (error) {
      // Throws when SQLite has given up the whole transaction; then nobody's changes stand.
      await sql`rollback to writer`.execute(tx);
      writer.failed(error);
    }
    await sql`release writer`.execute(tx);
  }
  return kept;
}
