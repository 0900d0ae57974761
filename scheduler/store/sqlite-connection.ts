import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { describeError } from '../../common/runtime/errors.ts';
import type { SqliteReply, SqliteRequest, SqliteValue } from './sqlite-requests.ts';

/** Statements kept prepared; the first are those of the hot paths. */
const MAX_PREPARED = 200;

/** Pages in memory: a hundred thousand jobs with their indexes; SQLite's own 2 MB would be read anew for every batch. */
const CACHE_KIB = 32 * 1024;
/** Pages in the log before they are copied into the file (32 MB): what changes often is then copied once for many batches. */
const CHECKPOINT_PAGES = 8000;

/** The one connection to a SQLite file. */
export interface SqliteConnection {
  /** Never throws: what fails is a reply. */
  perform(request: SqliteRequest): SqliteReply;
  close(): void;
}

type RowsRequest = Extract<SqliteRequest, { readonly kind: 'rows' }>;

interface Prepared {
  readonly statement: StatementSync;
  /** Of what it gives; none: it only writes. */
  readonly columns: readonly string[];
}

/** Opens the file and locks it. Throws what SQLite says. */
export function openSqliteConnection(file: string): SqliteConnection {
  const database = openDatabase(file);
  const prepared = new Map<string, Prepared>();
  const prepare = (sql: string): Prepared => {
    const known = prepared.get(sql);
    if (known !== undefined) return known;
    const statement = database.prepare(sql);
    statement.setReturnArrays(true);
    const made = { statement, columns: statement.columns().map(({ name }) => name) };
    if (prepared.size < MAX_PREPARED) prepared.set(sql, made);
    return made;
  };

  /** As many at a time as go; returns the indexes of those that nothing changed for. */
  const runAll = ({ sql, rows, joint }: RowsRequest): readonly number[] => {
    const inJoint = joint === undefined ? 0 : rows.length - (rows.length % joint.rows);
    if (joint !== undefined) {
      const { statement } = prepare(joint.sql);
      for (let at = 0; at < inJoint; at += joint.rows) statement.run(...rows.slice(at, at + joint.rows).flat());
    }
    const { statement } = prepare(sql);
    const unchanged: number[] = [];
    for (let index = inJoint; index < rows.length; index++) {
      if (Number(statement.run(...(rows[index] ?? [])).changes) === 0) unchanged.push(index);
    }
    return unchanged;
  };

  const perform = (request: SqliteRequest): SqliteReply => {
    // After a failed write SQLite has rolled back by itself; to fail at that too would hide what failed first.
    if (request.sql === 'rollback' && !database.isTransaction) return { kind: 'done', changes: 0, insertId: 0 };
    for (const sql of request.before) {
      if (sql !== 'begin immediate') assertInTransaction(database);
      prepare(sql).statement.run();
    }
    if (request.isInTransaction) assertInTransaction(database);
    if (request.kind === 'rows') return { kind: 'all', unchanged: runAll(request) };
    const { statement, columns } = prepare(request.sql);
    if (columns.length > 0) {
      const rows: readonly unknown[] = statement.all(...request.parameters);
      return { kind: 'rows', columns, rows: rows.filter(isValues) };
    }
    const { changes, lastInsertRowid } = statement.run(...request.parameters);
    return { kind: 'done', changes: Number(changes), insertId: Number(lastInsertRowid) };
  };

  /** What has failed in this transaction while nobody waited for it. */
  let missed: string | undefined;

  return {
    perform: (request) => {
      if (request.sql === 'rollback' || request.before.includes('begin immediate')) missed = undefined;
      if (missed !== undefined) return { kind: 'failed', message: missed };
      try {
        return perform(request);
      } catch (error) {
        const message = describeError(error);
        if (!request.isWaitedFor) missed = message;
        return { kind: 'failed', message };
      }
    },
    close: () => {
      database.close();
    },
  };
}

/** With `setReturnArrays` each row is one; the types do not know. */
function isValues(row: unknown): row is readonly SqliteValue[] {
  return Array.isArray(row);
}

function assertInTransaction(database: DatabaseSync): void {
  if (!database.isTransaction) throw new Error('the transaction was given up');
}

function openDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { enableForeignKeyConstraints: true });
  try {
    // EXCLUSIVE: whoever opens the file next is told so at once. It is what lets a scheduler take every unfinished execution
    // that it finds for an orphan.
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    database.exec('PRAGMA journal_mode = WAL');
    // NORMAL may lose the last commits at power loss (SQLite docs, PRAGMA synchronous); a lost promise would be unsafe.
    database.exec('PRAGMA synchronous = FULL');
    database.exec(`PRAGMA cache_size = -${CACHE_KIB}; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    // Takes the lock now rather than at the first write.
    database.exec('BEGIN IMMEDIATE; COMMIT');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
