import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CompiledQuery } from 'kysely';
import { nextTurn } from '../../../common/runtime/clock.ts';
import { silentLog } from '../../../common/runtime/log.ts';
import { SqliteLine } from '../../../scheduler/store/sqlite-dialect.ts';
import { openSqliteInThread, type SqliteHandle } from '../../../scheduler/store/sqlite-handle.ts';
import type { SqliteRequest } from '../../../scheduler/store/sqlite-requests.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const run = async (line: SqliteLine, sql: string): Promise<unknown[]> =>
  (await line.executeQuery(CompiledQuery.raw(sql))).rows;

async function opened(): Promise<{ readonly handle: SqliteHandle; readonly line: SqliteLine }> {
  const handle = await openSqliteInThread(path.join(temporaryFolder(), 'thread.db'), { log: silentLog });
  onTestFinished(async () => {
    await handle.close();
  });
  const line = new SqliteLine(handle);
  await run(line, 'create table things (id text primary key, size bigint)');
  return { handle, line };
}

describe("SQLite's thread", () => {
  it('keeps what a transaction of several statements wrote, and gives it back as it was', async () => {
    const { line } = await opened();
    await run(line, 'begin immediate');
    await run(line, 'savepoint writer');
    await line.executeRows('insert into things (id, size) values (?, ?)', [['é', 2 ** 52]]);
    await run(line, 'release writer');
    await run(line, 'commit');
    expect(await run(line, 'select * from things')).toEqual([{ id: 'é', size: 2 ** 52 }]);
  });

  it('tells which rows a statement changed nothing for', async () => {
    const { line } = await opened();
    await run(line, "insert into things values ('a', 1)");
    const unchanged = await line.executeRows('update things set size = ? where id = ?', [
      [5, 'none'],
      [6, 'a'],
    ]);
    expect([...unchanged]).toEqual([0]);
  });

  it('writes nothing on its own of a transaction that was given up meanwhile', async () => {
    const { handle, line } = await opened();
    await run(line, 'begin immediate');
    await run(line, "insert into things values ('first', 1)");
    // As SQLite does by itself when the disk is full.
    await handle.ask({
      kind: 'query',
      sql: 'rollback',
      before: [],
      isInTransaction: false,
      isWaitedFor: true,
      parameters: [],
    });
    await expect(run(line, "insert into things values ('second', 2)")).rejects.toThrow('the transaction was given up');
    await run(line, 'rollback');
    expect(await run(line, 'select id from things')).toEqual([]);
  });

  it('commits nothing of a transaction in which something failed that nobody waited for', async () => {
    const { line } = await opened();
    const insert = 'insert into things (id, size) values (?, ?)';
    await run(line, 'begin immediate');
    await run(line, 'savepoint writer');
    line.sendRows(insert, [
      ['a', 1],
      ['a', 2],
    ]);
    await run(line, 'release writer');
    // Nor can the next writer save itself: to go back to its savepoint would undo what the first believes to be written.
    await run(line, 'savepoint writer');
    await expect(run(line, "insert into things values ('b', 3)")).rejects.toThrow('UNIQUE constraint failed');
    await expect(run(line, 'rollback to writer')).rejects.toThrow('UNIQUE constraint failed');
    await expect(run(line, 'commit')).rejects.toThrow('UNIQUE constraint failed');
    await run(line, 'rollback');
    expect(await run(line, 'select id from things')).toEqual([]);
    // The transaction after it is not concerned.
    await run(line, 'begin immediate');
    line.sendRows(insert, [['c', 4]]);
    await run(line, 'commit');
    expect(await run(line, 'select id from things')).toEqual([{ id: 'c' }]);
  });

  it('writes many rows a hundred at a time and the rest one by one, each as it was given', async () => {
    const { line } = await opened();
    const rows = Array.from({ length: 250 }, (_none, index) => [`thing ${index}`, index] as const);
    const values = (count: number): string => Array.from({ length: count }, () => '(?, ?)').join(', ');
    const insert = (count: number): string => `insert into things (id, size) values ${values(count)}`;
    await run(line, 'begin immediate');
    line.sendRows(insert(1), rows, { sql: insert(100), rows: 100 });
    await run(line, 'commit');
    const written = rows.map(([id, size]) => ({ id, size }));
    expect(await run(line, 'select * from things order by size')).toEqual(written);
    // One of two hundred that is there already: none of them is written.
    await run(line, 'begin immediate');
    const others = rows.slice(0, 200).map(([id, size]) => [size === 150 ? id : `other ${id}`, size] as const);
    line.sendRows(insert(1), others, { sql: insert(100), rows: 100 });
    await expect(run(line, 'commit')).rejects.toThrow('UNIQUE constraint failed');
    await run(line, 'rollback');
    expect(await run(line, 'select * from things order by size')).toEqual(written);
  });

  it('undoes one writer and keeps the others', async () => {
    const { line } = await opened();
    await run(line, 'begin immediate');
    for (const id of ['a', 'a', 'b']) {
      await run(line, 'savepoint writer');
      await run(line, `insert into things values ('${id}', 1)`).catch(
        async () => await run(line, 'rollback to writer'),
      );
      await run(line, 'release writer');
    }
    await run(line, 'commit');
    expect(await run(line, 'select id from things order by id')).toEqual([{ id: 'a' }, { id: 'b' }]);
  });

  it('lets this thread go on while it works', async () => {
    const { line } = await opened();
    let isDone = false;
    const counting = run(
      line,
      'with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000000) select count(*) as count from n',
    ).then((rows) => {
      isDone = true;
      return rows;
    });
    await nextTurn();
    expect(isDone).toBe(false);
    expect(await counting).toEqual([{ count: 1_000_000 }]);
  });

  it('takes the process with it when it ends by a bug, after one line that says so; who waited is told', async () => {
    const lines: string[] = [];
    const exits: number[] = [];
    const handle = await openSqliteInThread(path.join(temporaryFolder(), 'bug.db'), {
      log: { ...silentLog, error: (fields, message) => lines.push(`${message}: ${String(fields['err'])}`) },
      exit: (status) => exits.push(status),
    });
    await expect(handle.ask({ kind: 'query' } as SqliteRequest)).rejects.toThrow('its thread has ended');
    expect(exits).toEqual([1]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('start it again: Cannot read properties');
  });

  it('ends without a word when it is closed', async () => {
    const exits: number[] = [];
    const handle = await openSqliteInThread(path.join(temporaryFolder(), 'closed.db'), {
      log: silentLog,
      exit: (status) => exits.push(status),
    });
    await handle.close();
    await nextTurn();
    expect(exits).toEqual([]);
  });
});
