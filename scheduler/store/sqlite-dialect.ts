import {
  CompiledQuery,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
} from 'kysely';
import type { BulkRow } from './bulk.ts';
import type { SqliteHandle } from './sqlite-handle.ts';
import type { JointStatement, SqliteRequest, SqliteValue } from './sqlite-requests.ts';

/**
 * Statements that need no answer of their own: they go along with the one after them. A group of writers would otherwise go to
 * the other thread and back three times more for each of them.
 */
const WITH_THE_NEXT = new Set(['begin immediate', 'savepoint writer', 'release writer']);

/**
 * Kysely takes SQLite for a database that cannot change tables inside a transaction, and would leave half a migration behind
 * when the process is killed in it or the disk fails: the store could never be opened again. SQLite can ("SQL As Understood
 * By SQLite", transactions hold every statement).
 */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** Kysely over a handle. There is one connection, which Kysely lends to one holder at a time. */
export function sqliteDialect(connection: SqliteLine): Dialect {
  return {
    createAdapter: () => new TransactionalAdapter(),
    createDriver: () => driverOf(connection),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (db: Kysely<unknown>): DatabaseIntrospector => new SqliteIntrospector(db),
  };
}

/** The connection as Kysely knows one, and its way past Kysely for many rows. Whoever uses either holds the connection. */
export class SqliteLine implements DatabaseConnection {
  readonly #handle: SqliteHandle;
  #before: string[] = [];
  #isInTransaction = false;

  constructor(handle: SqliteHandle) {
    this.#handle = handle;
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    if (sql === 'rollback to writer' && this.#before.at(-1) === 'savepoint writer') return { rows: [] };
    if (WITH_THE_NEXT.has(sql)) {
      this.#before.push(sql);
      return { rows: [] };
    }
    // Nothing of what is given up needs to be begun.
    if (sql === 'rollback') this.#before = [];
    const reply = await this.#handle.ask({ kind: 'query', ...this.#around(sql), parameters: parameters.map(toInput) });
    if (reply.kind === 'done') {
      return { rows: [], numAffectedRows: BigInt(reply.changes), insertId: BigInt(reply.insertId) };
    }
    if (reply.kind !== 'rows') throw new TypeError(`expected rows, got ${reply.kind}`);
    const rows = reply.rows.map((values) => toRow(reply.columns, values));
    return { rows: isRows<Row>(rows) ? rows : [] };
  }

  /** One statement for many rows. Resolves with the indexes of those that it changed nothing for. */
  async executeRows(sql: string, rows: readonly BulkRow[]): Promise<readonly number[]> {
    const reply = await this.#handle.ask({ kind: 'rows', ...this.#around(sql), rows, joint: undefined });
    return reply.kind === 'all' ? reply.unchanged : [];
  }

  /** The same, not waited for: when it fails, so does everything after it in the transaction, the commit too. */
  sendRows(sql: string, rows: readonly BulkRow[], joint?: JointStatement): void {
    this.#handle.ask({ kind: 'rows', ...this.#around(sql), rows, joint, isWaitedFor: false }).catch(() => {
      // Whoever commits is told.
    });
  }

  /** Nothing is read in a stream. */
  async *streamQuery<Row>(query: CompiledQuery): AsyncIterableIterator<QueryResult<Row>> {
    yield await this.executeQuery<Row>(query);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #around(sql: string): Pick<SqliteRequest, 'before' | 'isInTransaction' | 'isWaitedFor' | 'sql'> {
    const before = this.#before;
    this.#before = [];
    if (sql.startsWith('begin') || before.includes('begin immediate')) this.#isInTransaction = true;
    const isEnd = sql === 'commit' || sql === 'rollback';
    const isInTransaction = this.#isInTransaction && !isEnd && !sql.startsWith('begin');
    if (isEnd) this.#isInTransaction = false;
    return { sql, before, isInTransaction, isWaitedFor: true };
  }
}

function driverOf(connection: SqliteLine): Driver {
  const run = async (sql: string): Promise<void> => {
    await connection.executeQuery(CompiledQuery.raw(sql));
  };
  return {
    init: async () => {},
    acquireConnection: async () => await Promise.resolve(connection),
    beginTransaction: async () => {
      await run('begin');
    },
    commitTransaction: async () => {
      await run('commit');
    },
    rollbackTransaction: async () => {
      await run('rollback');
    },
    releaseConnection: async () => {},
    destroy: async () => {
      await connection.close();
    },
  };
}

/** In a loop: every row of a statement then has the same shape, which is what makes reading it quick. */
function toRow(columns: readonly string[], values: readonly SqliteValue[]): Readonly<Record<string, SqliteValue>> {
  const row: Record<string, SqliteValue> = {};
  for (let index = 0; index < columns.length; index++) row[columns[index] ?? ''] = values[index] ?? null;
  return row;
}

/** What a statement gives is what its types say. */
function isRows<Row>(value: unknown): value is Row[] {
  return Array.isArray(value);
}

function toInput(value: unknown): SqliteValue {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  throw new TypeError(`a query parameter is ${typeof value}; the tables hold text and integers only`);
}
