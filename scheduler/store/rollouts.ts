import type { Kysely } from 'kysely';
import { rolloutSchema } from '../rollout.ts';
import type { RolloutStore } from './store.ts';
import type { Tables } from './tables.ts';

/** Rollouts in SQL, each as one JSON text: they are few, and always read whole. */
export function createRolloutStore(db: Kysely<Tables>): RolloutStore {
  return {
    put: async (rollout) => {
      const row = {
        id: rollout.id,
        status: rollout.status,
        started_at: rollout.startedAtMs,
        state: JSON.stringify(rollout),
      };
      await db
        .insertInto('rollouts')
        .values(row)
        .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
        .execute();
    },
    find: async (id) => {
      const row = await db.selectFrom('rollouts').select('state').where('id', '=', id).executeTakeFirst();
      return row === undefined ? undefined : rolloutSchema.parse(JSON.parse(row.state));
    },
    list: async (limit) => {
      const rows = await db.selectFrom('rollouts').select('state').orderBy('started_at', 'desc').limit(limit).execute();
      return rows.map((row) => rolloutSchema.parse(JSON.parse(row.state)));
    },
  };
}
