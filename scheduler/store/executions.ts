import { sql, type Kysely } from 'kysely';
import { createClaims, earliestDue } from './claims.ts';
import { createEndings } from './endings.ts';
import { fromRow, insertExecutions } from './execution-rows.ts';
import { HISTORY_KEPT, HISTORY_LIFE_MS } from './retention.ts';
import { idRows, type SqlStore } from './sql.ts';
import type { ExecutionStore, HistoryPage } from './store.ts';
import type { Tables } from './tables.ts';

/** Executions looked at in one statement when old ones are deleted. */
const PRUNE_SLICE = 1000;

/** Executions and their history in SQL. */
export function createExecutionStore(store: SqlStore): ExecutionStore {
  const { db } = store;
  const end = createEndings(store);
  return {
    claimDue: createClaims(store),
    earliestDue: async (regionsOfOthers) => await earliestDue(store, db, regionsOfOthers),
    add: async (execution) => {
      await store.write(async (tx) => {
        // The insert is not waited for everywhere (`BulkSql`): what it could fail for must not fail whoever shares the commit.
        const job = await tx.selectFrom('jobs').select('id').where('id', '=', execution.jobId).executeTakeFirst();
        if (job === undefined) throw new Error('the job is gone');
        await insertExecutions(store, tx, [execution]);
        await store.tell(tx, { kind: 'due' });
      });
    },
    handBack: async (performed) =>
      await store.write(async (tx) => {
        const rows = idRows(store.dialect, performed);
        return await handBackWhere(store, tx, sql`owner = ${store.owner} and id not in (select v.id from ${rows})`);
      }),
    finish: (ended, follow, settlement) => end({ ended, follow, settlement }),
    history: async (jobId, page) => await history(store, jobId, page),
    prune: async (beforeMs, keep) => {
      await store.write(async (tx) => {
        await pruneByAge(tx, beforeMs);
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
    await sql`update executions set status = 'pending', attempt = attempt + 1, run_at = case when due_at > ${nowMs} then due_at else ${nowMs} end, owner = null
    where ended_at is null and status = 'running' and (${condition})`.execute(tx);
  const count = Number(result.numAffectedRows ?? 0n);
  if (count > 0) await store.tell(tx, { kind: 'due' });
  return count;
}

/** What is too much or too old stays until it is pruned, once a day, and is not shown any more. */
async function history({ db, clock }: SqlStore, jobId: string, page: HistoryPage) {
  const over = db
    .selectFrom('executions')
    .where('job_id', '=', jobId)
    .where('status', 'in', ['completed', 'failed', 'postponed'])
    .orderBy('started_at', 'desc')
    .orderBy('number', 'desc');
  const shown = page.status === undefined ? over : over.where('status', '=', page.status);
  const rows = await shown
    .selectAll()
    .where('number', 'in', over.select('number').limit(HISTORY_KEPT))
    .where('ended_at', '>=', clock.now() - HISTORY_LIFE_MS)
    .limit(page.top)
    .offset(page.skip)
    .execute();
  return rows.map((row) => ({ execution: fromRow(row), number: row.number }));
}

/** Numbers rise with time, so what is old is in front: no index of its own, which every execution would have to pay for. */
async function pruneByAge(tx: Kysely<Tables>, beforeMs: number): Promise<void> {
  for (;;) {
    const oldest = tx.selectFrom('executions').select(['number', 'ended_at']).orderBy('number').limit(PRUNE_SLICE);
    const result = await tx
      .deleteFrom('executions')
      .where('number', 'in', tx.selectFrom(oldest.as('oldest')).select('number').where('ended_at', '<', beforeMs))
      .executeTakeFirst();
    if (result.numDeletedRows === 0n) return;
  }
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
