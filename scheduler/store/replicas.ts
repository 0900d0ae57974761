import { sql } from 'kysely';
import { handBackWhere } from './executions.ts';
import type { SqlStore } from './sql.ts';
import type { ReplicaStore } from './store.ts';

/** Who serves from this database, in SQL. */
export function createReplicaStore(store: SqlStore): ReplicaStore {
  return {
    beat: async (replica, leaseMs) =>
      await store.write(async (tx) => {
        const nowMs = await store.now(tx);
        const own = {
          owner: store.owner,
          name: replica.name,
          region: replica.region ?? null,
          started_at: nowMs,
          expires_at: nowMs + leaseMs,
        };
        const renewed = await tx
          .updateTable('replicas')
          .set({ expires_at: own.expires_at })
          .where('owner', '=', store.owner)
          .executeTakeFirst();
        const wasKnown = renewed.numUpdatedRows > 0n;
        if (!wasKnown) await tx.insertInto('replicas').values(own).execute();
        await tx.deleteFrom('replicas').where('expires_at', '<', nowMs).execute();
        const takenOver = await handBackWhere(
          store,
          tx,
          sql`owner is null or owner not in (select owner from replicas)`,
        );
        const live = await tx.selectFrom('replicas').selectAll().orderBy('name').execute();
        return {
          wasKnown,
          takenOver,
          live: live.map((row) => ({ name: row.name, region: row.region ?? undefined, startedAtMs: row.started_at })),
        };
      }),
    leave: async () => {
      await store.write(async (tx) => {
        await tx.deleteFrom('replicas').where('owner', '=', store.owner).execute();
        await handBackWhere(store, tx, sql`owner = ${store.owner}`);
      });
    },
  };
}
