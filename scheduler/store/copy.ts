import { sql, type Kysely } from 'kysely';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import { rowsOf, type SqlStore } from './sql.ts';
import type { Tables } from './tables.ts';

/**
 * The tables in an order in which each refers only to those before it, with the columns that order their rows. Who serves
 * from the database (`replicas`), and what they have to say to each other in this moment (`mail`, `leave_grants`), is no data.
 */
export const COPIED_TABLES = [
  ['collections', ['key']],
  ['jobs', ['id']],
  ['executions', ['number']],
  ['agreements', ['scope', 'event_id']],
  ['vms', ['key']],
  ['rollouts', ['id']],
  ['agent_keys', ['scope', 'name']],
  ['enrolment_tokens', ['hash']],
  ['access_users', ['key']],
  ['access_tokens', ['hash']],
] as const satisfies readonly (readonly [keyof Tables, readonly string[]])[];

/** Rows in one statement. */
const PAGE = 500;

/** How many rows were copied, by table. */
export type CopiedRows = Readonly<Record<string, number>>;

/**
 * Copies everything from one database to another, whichever kinds they are, in one transaction: what is interrupted leaves
 * nothing behind. Throws a `UserError` (`STORE_NOT_EMPTY`) when there is data already and `replace` does not say otherwise.
 */
export async function copyStore(
  from: SqlStore,
  to: SqlStore,
  options: { readonly replace: boolean },
): Promise<CopiedRows> {
  return await readConsistently(
    from,
    async (source) =>
      await to.write(async (target) => {
        await makeEmpty(target, options.replace);
        const copied: Record<string, number> = {};
        for (const [table, key] of COPIED_TABLES) {
          copied[table] = await copyTable({ source, target, to, table, key });
        }
        if (to.dialect === 'postgres') {
          // The numbers that follow come from a sequence, which does not see what was inserted with a number.
          await sql`select setval(pg_get_serial_sequence('executions', 'number'), coalesce(max(number), 0) + 1, false)
            from executions`.execute(target);
        }
        return copied;
      }),
  );
}

/** All of it as it was at one moment, also while replicas go on writing. */
async function readConsistently<Result>(
  from: SqlStore,
  read: (source: Kysely<Tables>) => Promise<Result>,
): Promise<Result> {
  if (from.dialect === 'sqlite') return await read(from.db);
  return await from.db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (source) => await read(source));
}

async function makeEmpty(target: Kysely<Tables>, replace: boolean): Promise<void> {
  for (const [table] of COPIED_TABLES.toReversed()) {
    if (replace) await sql`delete from ${sql.table(table)}`.execute(target);
    else if ((await sql`select 1 from ${sql.table(table)} limit 1`.execute(target)).rows.length > 0) {
      throw new UserError('STORE_NOT_EMPTY', `the store that is to be written has data already (table ${table})`, {
        hint: 'stop what uses it, and say --replace to delete that data first',
        exitStatus: EXIT_USAGE,
      });
    }
  }
}

async function copyTable(copy: {
  readonly source: Kysely<Tables>;
  readonly target: Kysely<Tables>;
  readonly to: SqlStore;
  readonly table: string;
  readonly key: readonly string[];
}): Promise<number> {
  const { source, target, to, table, key } = copy;
  const order = sql.join(key.map((name) => sql.ref(name)));
  let count = 0;
  let last: Readonly<Record<string, string | number | null>> | undefined;
  for (;;) {
    const after =
      last === undefined ? sql`` : sql`where (${order}) > (${sql.join(key.map((name) => sql.val(last?.[name])))})`;
    const { rows } = await sql<
      Record<string, string | number | null>
    >`select * from ${sql.table(table)} ${after} order by ${order} limit ${sql.lit(PAGE)}`.execute(source);
    const [first] = rows;
    if (first === undefined) return count;
    const names = sql.join(Object.keys(first).map((name) => sql.ref(name)));
    const columns = Object.fromEntries(
      Object.keys(first).map((name) => [
        name,
        rows.some((row) => typeof row[name] === 'number') ? ('bigint' as const) : ('text' as const),
      ]),
    );
    // A column without a single number in the page holds text, or nothing at all; either way its type is the table's.
    const cast = sql.join(
      Object.keys(first).map((name) =>
        to.dialect === 'postgres' && rows.every((row) => row[name] === null) ? sql`null` : sql.ref(name),
      ),
    );
    await sql`insert into ${sql.table(table)} (${names}) select ${cast} from ${rowsOf(to.dialect, columns, rows)}`.execute(
      target,
    );
    count += rows.length;
    last = rows.at(-1);
    if (rows.length < PAGE) return count;
  }
}
