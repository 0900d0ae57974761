import { sql, type Kysely } from 'kysely';
import { handBackWhere } from './executions.ts';
import { lockName } from './names.ts';
import type { SqlStore } from './sql.ts';
import type { Replica, ReplicaStore } from './store.ts';
import type { Tables } from './tables.ts';

/** Who serves from this database, in SQL. */
export function createReplicaStore(store: SqlStore): ReplicaStore {
  return {
    beat: async (replica, leaseMs) =>
      await store.write(async (tx) => {
        const nowMs = await store.now(tx);
        const renewed = await tx
          .updateTable('replicas')
          .set({ expires_at: nowMs + leaseMs })
          .where('owner', '=', store.owner)
          .executeTakeFirst();
        const wasKnown = renewed.numUpdatedRows > 0n;
        await tx.deleteFrom('replicas').where('expires_at', '<', nowMs).execute();
        // Before this replica is there again: what it claimed while it was being taken for dead goes back as well.
        const takenOver = await handBackWhere(
          store,
          tx,
          sql`owner is null or owner not in (select owner from replicas)`,
        );
        // To the dead nobody delivers; whoever takes their work over says it all anew.
        await sql`delete from mail where to_owner not in (select owner from replicas)`.execute(tx);
        if (!wasKnown) await arrive(store, tx, { replica, nowMs, leaseMs });
        const live = await tx.selectFrom('replicas').selectAll().orderBy('name').execute();
        const [home] = live.toSorted((one, other) => one.number - other.number);
        return {
          fleetHome: home?.name ?? '',
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

/** Behind everybody who lives, by a number and not by time: clocks can be set back, and the home must not change then. */
async function arrive(
  store: SqlStore,
  tx: Kysely<Tables>,
  given: { readonly replica: Replica; readonly nowMs: number; readonly leaseMs: number },
): Promise<void> {
  // Two that come at one moment get their numbers one after the other.
  await lockName(store, tx, 'arrival of a replica');
  const last = await tx
    .selectFrom('replicas')
    .select((select) => select.fn.max('number').as('number'))
    .executeTakeFirst();
  const { replica, nowMs, leaseMs } = given;
  await tx
    .insertInto('replicas')
    .values({
      owner: store.owner,
      name: replica.name,
      region: replica.region ?? null,
      started_at: nowMs,
      expires_at: nowMs + leaseMs,
      number: (last?.number ?? 0) + 1,
    })
    .execute();
}
