import { sql, type CompiledQuery, type Kysely, type RawBuilder } from 'kysely';
import type { Clock } from '../../common/runtime/clock.ts';
import type { BulkSql } from './bulk.ts';
import type { Definitions } from './definitions.ts';
import type { StoreNews } from './store.ts';
import type { Tables } from './tables.ts';

export type SqlDialect = 'sqlite' | 'postgres';

/** What the parts of a SQL store share. The statements are the same in both dialects; what differs is behind this. */
export interface SqlStore {
  readonly dialect: SqlDialect;
  /** For reading outside a transaction. */
  readonly db: Kysely<Tables>;
  /** This opening of the store; never reused. What it claims bears this name. */
  readonly owner: string;
  readonly clock: Clock;
  /**
   * One transaction, durable once it resolves. It may share its commit with others (SQLite), and `work` may be run again
   * after a deadlock (PostgreSQL).
   */
  write<Result>(work: (tx: Kysely<Tables>) => Promise<Result>): Promise<Result>;
  /** Resolves when whoever was made ready by the same events has asked as well. */
  gather(): Promise<void>;
  readonly bulk: BulkSql;
  /** Rows of a query that was made from a transaction's `tx`. */
  fetch<Row>(tx: Kysely<Tables>, query: CompiledQuery<Row>): Promise<readonly Row[]>;
  /**
   * Both, in this order and begun inside a transaction: an embedded store has then one journey to its thread for the two,
   * and a connection to PostgreSQL takes one after the other. At most one of them may be anything but `fetch` or `bulk`.
   */
  together<First, Second>(
    first: () => Promise<First>,
    second: () => Promise<Second>,
  ): Promise<readonly [First, Second]>;
  readonly definitions: Definitions;
  /** The time that decides, inside a transaction: the database's own where replicas could differ. */
  now(tx: Kysely<Tables>): Promise<number>;
  /** Tells the other replicas, when the transaction commits. */
  tell(tx: Kysely<Tables>, news: StoreNews): Promise<void>;
}

/**
 * The types of columns that are passed as rows. A `bigint` is a time or a number below 2^53; both drivers give it back as a
 * JavaScript number.
 */
export type ColumnType = 'text' | 'bigint';

/**
 * Rows as one parameter, to be selected from: so a batch of any size is one short statement, prepared and sent once. Both
 * databases unfold a JSON array; only the words differ.
 */
export function rowsOf(
  dialect: SqlDialect,
  columns: Readonly<Record<string, ColumnType>>,
  rows: readonly Readonly<Record<string, string | number | null>>[],
): RawBuilder<unknown> {
  const json = JSON.stringify(rows);
  if (dialect === 'postgres') {
    const typed = Object.entries(columns).map(([name, type]) => sql`${sql.ref(name)} ${sql.raw(type)}`);
    return sql`json_to_recordset(${json}::json) as v(${sql.join(typed)})`;
  }
  const picked = Object.keys(columns).map((name) => sql`value ->> ${sql.lit(name)} as ${sql.ref(name)}`);
  return sql`(select ${sql.join(picked)} from json_each(${json})) as v`;
}

/** Ids as such rows: `v.id`. */
export function idRows(dialect: SqlDialect, ids: Iterable<string>): RawBuilder<unknown> {
  const rows = Array.from(ids, (id) => ({ id }));
  return rowsOf(dialect, { id: 'text' }, rows);
}

/** Appended to a reading whose rows the transaction is going to change. An embedded store has one writer at a time anyway. */
export function lockRows(dialect: SqlDialect, table: string): RawBuilder<unknown> {
  return dialect === 'postgres' ? sql`for no key update of ${sql.ref(table)}` : sql``;
}

/** The same, leaving out rows that another replica is just taking. */
export function lockFreeRows(dialect: SqlDialect, table: string): RawBuilder<unknown> {
  return dialect === 'postgres' ? sql`for no key update of ${sql.ref(table)} skip locked` : sql``;
}
