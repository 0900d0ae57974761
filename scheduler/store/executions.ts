import { sql, type Kysely } from 'kysely';
import { claimDue, earliestDue } from './claims.ts';
import { createEndings } from './endings.ts';
import { fromRow, insertExecutions } from './execution-rows.ts';
import { rowsOf, type SqlStore } from './sql.ts';
import type { ExecutionStore, HistoryPage } from './store.ts';
import type { Tables } from './tables.ts';

/** Executions and their history in SQL. */
export function createExecutionStore(store: SqlStore): ExecutionStore {
  const { db } = store;
  const end = createEndings(store);
  return {
    claimDue: async (request) => await claimDue(store, request),
    earliestDue: async (regionsOfOthers) => await earliestDue(db, regionsOfOthers),
    add: async (execution) => {
      await store.write(async (tx) => {
        await insertExecutions(store, tx, [execution]);
        await store.tell(tx, { kind: 'due' });
      });
    },
    handBack: async (performed) =>
      await store.write(async (tx) => {
        const rows = rowsOf(
          store.dialect,
          { id: 'text' },
          [...performed].map((id) => ({ id })),
        );
        return await handBackWhere(store, tx, sql`owner = ${store.owner} and id not in (select v.id from ${rows})`);
      }),
    finish: async (ended, follow, settle) => await end({ ended, follow, settle }),
    history: async (jobId, page) => await history(db, jobId, page),
    prune: async (beforeMs, keep) => {
      await store.write(async (tx) => {
        await tx.deleteFrom('executions').where('ended_at', '<', beforeMs).execute();
        await pruneByCount(tx, keep);
      });
    },
  };
}

/** To be started again at once, by whoever is there, under the next attempt number. Resolves with how many. */
export async function handBackWhere(
  store: SqlStore,
  tx: Kysely<Tables>,
  condition: ReturnType<typeof sql>,
): Promise<number> {
  const nowMs = await store.now(tx);
  const result =
    await sql`update executions set status = 'pending', attempt = attempt + 1, run_at = ${nowMs}, owner = null
    where ended_at is null and status = 'running' and (${condition})`.execute(tx);
  const count = Number(result.numAffectedRows ?? 0n);
  if (count > 0) await store.tell(tx, { kind: 'due' });
  return count;
}

async function history(db: Kysely<Tables>, jobId: string, page: HistoryPage) {
  let query = db
    .selectFrom('executions')
    .selectAll()
    .where('job_id', '=', jobId)
    .where('status', 'in', page.status === undefined ? ['completed', 'failed', 'postponed'] : [page.status]);
  query = query.orderBy('started_at', 'desc').orderBy('number', 'desc').limit(page.top).offset(page.skip);
  const rows = await query.execute();
  return rows.map((row) => ({ execution: fromRow(row), number: row.number }));
}

async function pruneByCount(tx: Kysely<Tables>, keep: number): Promise<void> {
  const crowded = await tx
    .selectFrom('executions')
    .select('job_id')
    .where('ended_at', 'is not', null)
    .groupBy('job_id')
    .having((having) => having.fn.countAll<number>(), '>', keep)
    .execute();
  for (const { job_id: jobId } of crowded) {
    const oldestKept = await tx
      .selectFrom('executions')
      .select('number')
      .where('job_id', '=', jobId)
      .where('ended_at', 'is not', null)
      .orderBy('number', 'desc')
      .offset(keep - 1)
      .limit(1)
      .executeTakeFirst();
    if (oldestKept === undefined) continue;
    await tx
      .deleteFrom('executions')
      .where('job_id', '=', jobId)
      .where('ended_at', 'is not', null)
      .where('number', '<', oldestKept.number)
      .execute();
  }
}
