import { sql, type Kysely } from 'kysely';
import { rowsOf, type ColumnType } from './sql.ts';
import type { SqliteLine } from './sqlite-dialect.ts';
import type { Tables } from './tables.ts';

export type BulkRow = Readonly<Record<string, string | number | null>>;

/** An update of one row each, found by `match`, which names its id first. Literals may narrow it further. */
export interface BulkUpdate {
  readonly table: 'jobs' | 'executions';
  readonly set: Readonly<Record<string, ColumnType>>;
  readonly match: Readonly<Record<string, ColumnType>>;
  /** Columns that must have these values; columns that get these. No text from outside. */
  readonly only?: Readonly<Record<string, string>>;
  readonly clear?: readonly string[];
}

/**
 * Many rows at a time, the way each database does it fastest: PostgreSQL in one statement over one JSON parameter (a round
 * trip costs more than the rows), SQLite in one prepared statement a row (taking JSON apart costs more than the rows).
 */
export interface BulkSql {
  insert(
    tx: Kysely<Tables>,
    table: 'executions',
    columns: Readonly<Record<string, ColumnType>>,
    rows: readonly BulkRow[],
  ): Promise<void>;
  /** Resolves with the ids of the rows that were there. */
  update(tx: Kysely<Tables>, update: BulkUpdate, rows: readonly BulkRow[]): Promise<ReadonlySet<string>>;
}

export const postgresBulk: BulkSql = {
  insert: async (tx, table, columns, rows) => {
    if (rows.length === 0) return;
    const names = sql.join(Object.keys(columns).map((name) => sql.ref(name)));
    await sql`insert into ${sql.table(table)} (${names}) select ${names} from ${rowsOf('postgres', columns, rows)}`.execute(
      tx,
    );
  },
  update: async (tx, { table, set, match, only = {}, clear = [] }, rows) => {
    if (rows.length === 0) return new Set();
    const changes = [
      ...Object.keys(set).map((name) => sql`${sql.ref(name)} = v.${sql.ref(name)}`),
      ...clear.map((name) => sql`${sql.ref(name)} = null`),
    ];
    const conditions = [
      ...Object.keys(match).map((name) => sql`t.${sql.ref(name)} = v.${sql.ref(name)}`),
      ...Object.entries(only).map(([name, value]) => sql`t.${sql.ref(name)} = ${sql.lit(value)}`),
    ];
    const result = await sql<{ id: string }>`update ${sql.table(table)} as t set ${sql.join(changes)}
      from ${rowsOf('postgres', { ...set, ...match }, rows)}
      where ${sql.join(conditions, sql` and `)} returning t.id`.execute(tx);
    return new Set(result.rows.map(({ id }) => id));
  },
};

/**
 * Goes past Kysely, straight to the one connection there is: whoever calls this holds it, for that is what `tx` means. One
 * journey to the thread that has the file, whatever the number of rows.
 */
export function sqliteBulk(line: SqliteLine): BulkSql {
  return {
    insert: async (_tx, table, columns, rows) => {
      if (rows.length === 0) return;
      const names = Object.keys(columns);
      const places = names.map(() => '?').join(', ');
      await line.executeRows(`insert into ${table} (${names.join(', ')}) values (${places})`, names, rows);
    },
    update: async (_tx, { table, set, match, only = {}, clear = [] }, rows) => {
      if (rows.length === 0) return new Set();
      const changes = [...Object.keys(set).map((name) => `${name} = ?`), ...clear.map((name) => `${name} = null`)];
      const conditions = [
        ...Object.keys(match).map((name) => `${name} = ?`),
        ...Object.entries(only).map(([name, value]) => `${name} = '${value}'`),
      ];
      const unchanged = await line.executeRows(
        `update ${table} set ${changes.join(', ')} where ${conditions.join(' and ')}`,
        [...Object.keys(set), ...Object.keys(match)],
        rows,
      );
      return new Set(rows.filter((_row, index) => !unchanged.has(index)).map((row) => String(row['id'])));
    },
  };
}
