import { sql, type Kysely } from 'kysely';
import { rowsOf, type ColumnType } from './sql.ts';
import type { SqliteLine } from './sqlite-dialect.ts';
import type { Tables } from './tables.ts';

/** Values in the order of the columns: in an update those of `set`, then `add`, then `match`. */
export type BulkRow = readonly (string | number | null)[];

/** An update of one row each, found by `match`, which names its id first. No id comes twice. Literals may narrow it further. */
export interface BulkUpdate {
  readonly table: 'jobs' | 'executions';
  readonly set: Readonly<Record<string, ColumnType>>;
  /** Columns that grow by a number. */
  readonly add?: Readonly<Record<string, ColumnType>>;
  readonly match: Readonly<Record<string, ColumnType>>;
  /** Columns that must have these values; columns that get these. No text from outside. */
  readonly only?: Readonly<Record<string, string>>;
  readonly clear?: readonly string[];
  /** Columns that take their value only under a condition on the row as it was (alias `t`) and where there is one. */
  readonly when?: Readonly<Record<string, string>>;
}

/** Where rows go. */
export interface BulkInsert {
  readonly table: 'executions';
  readonly columns: Readonly<Record<string, ColumnType>>;
  /** Columns that are the same in all rows. No text from outside. */
  readonly same?: Readonly<Record<string, string | number>>;
}

/**
 * Many rows at a time, the way each database does it fastest: PostgreSQL in one statement over one JSON parameter (a round
 * trip costs more than the rows), SQLite in one prepared statement a row, or a hundred rows where they are new (taking JSON
 * apart costs more than the rows).
 */
export interface BulkSql {
  /** As `change`. */
  insert(tx: Kysely<Tables>, insert: BulkInsert, rows: readonly BulkRow[]): Promise<void>;
  /**
   * May resolve before it is done; when it fails, so does the transaction at its end, for all who share it: for writes that
   * only a broken disk or a bug can fail.
   */
  change(tx: Kysely<Tables>, update: BulkUpdate, rows: readonly BulkRow[]): Promise<void>;
  /** Resolves with the ids of the rows that were not there: hardly ever any. */
  update(tx: Kysely<Tables>, update: BulkUpdate, rows: readonly BulkRow[]): Promise<ReadonlySet<string>>;
}

/** An update in words: `value` writes the place of a column's new value. */
function wordsOf(update: BulkUpdate, value: (column: string) => string): { changes: string; conditions: string } {
  const { set, add = {}, match, only = {}, clear = [], when = {} } = update;
  const setTo = (name: string): string => {
    const condition = when[name];
    if (condition === undefined) return `${name} = ${value(name)}`;
    return `${name} = case when ${condition} then coalesce(${value(name)}, t.${name}) else t.${name} end`;
  };
  const changes = [
    ...Object.keys(set).map(setTo),
    ...Object.keys(add).map((name) => `${name} = t.${name} + ${value(name)}`),
    ...clear.map((name) => `${name} = null`),
  ];
  const conditions = [
    ...Object.keys(match).map((name) => `t.${name} = ${value(name)}`),
    ...Object.entries(only).map(([name, text]) => `t.${name} = '${text}'`),
  ];
  return { changes: changes.join(', '), conditions: conditions.join(' and ') };
}

function literalsOf(same: Readonly<Record<string, string | number>>): readonly string[] {
  return Object.values(same).map((value) => (typeof value === 'number' ? `${value}` : `'${value}'`));
}

/** What PostgreSQL takes apart by name. */
function named(
  columns: readonly string[],
  rows: readonly BulkRow[],
): readonly Record<string, string | number | null>[] {
  return rows.map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index] ?? null])));
}

/** Where a row has its id. */
function idAt({ set, add = {} }: BulkUpdate): number {
  return Object.keys(set).length + Object.keys(add).length;
}

async function updateInPostgres(
  tx: Kysely<Tables>,
  update: BulkUpdate,
  rows: readonly BulkRow[],
): Promise<ReadonlySet<string>> {
  if (rows.length === 0) return new Set();
  const columns = { ...update.set, ...update.add, ...update.match };
  const { changes, conditions } = wordsOf(update, (name) => `v.${name}`);
  const result = await sql<{ id: string }>`update ${sql.table(update.table)} as t set ${sql.raw(changes)}
    from ${rowsOf('postgres', columns, named(Object.keys(columns), rows))}
    where ${sql.raw(conditions)} returning t.id`.execute(tx);
  const missing = new Set(rows.map((row) => String(row[idAt(update)])));
  for (const { id } of result.rows) missing.delete(id);
  return missing;
}

export const postgresBulk: BulkSql = {
  insert: async (tx, { table, columns, same = {} }, rows) => {
    if (rows.length === 0) return;
    const keys = Object.keys(columns);
    const names = sql.raw([...keys, ...Object.keys(same)].join(', '));
    const values = sql.raw([...keys, ...literalsOf(same)].join(', '));
    await sql`insert into ${sql.table(table)} (${names}) select ${values} from ${rowsOf('postgres', columns, named(keys, rows))}`.execute(
      tx,
    );
  },
  change: async (tx, update, rows) => {
    await updateInPostgres(tx, update, rows);
  },
  update: updateInPostgres,
};

/** Rows in one insert of SQLite, where there are as many: opening the table and its indexes costs as much as a row. */
const ROWS_AT_ONCE = 100;

/**
 * Goes past Kysely, straight to the one connection there is: whoever calls this holds it, for that is what `tx` means. One
 * journey to the thread that has the file, whatever the number of rows.
 */
export function sqliteBulk(line: SqliteLine): BulkSql {
  const textOf = (update: BulkUpdate): string => {
    const { changes, conditions } = wordsOf(update, () => '?');
    return `update ${update.table} as t set ${changes} where ${conditions}`;
  };
  return {
    insert: async (_tx, { table, columns, same = {} }, rows) => {
      const keys = Object.keys(columns);
      const names = [...keys, ...Object.keys(same)].join(', ');
      const values = `(${[...keys.map(() => '?'), ...literalsOf(same)].join(', ')})`;
      const insertOf = (count: number): string =>
        `insert into ${table} (${names}) values ${Array.from({ length: count }, () => values).join(', ')}`;
      const joint = rows.length < ROWS_AT_ONCE ? undefined : { sql: insertOf(ROWS_AT_ONCE), rows: ROWS_AT_ONCE };
      if (rows.length > 0) line.sendRows(insertOf(1), rows, joint);
      await Promise.resolve();
    },
    change: async (_tx, update, rows) => {
      if (rows.length > 0) line.sendRows(textOf(update), rows);
      await Promise.resolve();
    },
    update: async (_tx, update, rows) => {
      if (rows.length === 0) return new Set();
      const unchanged = await line.executeRows(textOf(update), rows);
      return new Set(unchanged.map((index) => String(rows[index]?.[idAt(update)])));
    },
  };
}
