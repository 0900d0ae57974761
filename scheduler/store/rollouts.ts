import { z } from 'zod';
import { ROLLOUT_PHASES, type RolloutState } from '../rollout.ts';
import type { SqlStore } from './sql.ts';
import type { RolloutStore } from './store.ts';

const rolloutSchema = z.object({
  id: z.string(),
  job: z.string(),
  attempt: z.number(),
  status: z.enum(['running', 'completed', 'failed']),
  reason: z.string(),
  task: z.string(),
  parameters: z.record(z.string(), z.json()),
  timeoutMs: z.number(),
  settleMs: z.number(),
  maxUnavailable: z.number(),
  startedAtMs: z.number(),
  endedAtMs: z.number().optional(),
  blockedSinceMs: z.number().optional(),
  vms: z.array(
    z.object({
      key: z.string(),
      name: z.string(),
      phase: z.enum(ROLLOUT_PHASES),
      sinceMs: z.number(),
      sentOver: z.string().optional(),
      outUntilMs: z.number().optional(),
      failure: z.string().optional(),
      backSinceMs: z.number().optional(),
    }),
  ),
}) satisfies z.ZodType<RolloutState>;

/** Rollouts in SQL, each as one JSON text: they are few, and always read whole. */
export function createRolloutStore(store: SqlStore): RolloutStore {
  const { db } = store;
  return {
    put: async (rollout) => {
      const row = {
        id: rollout.id,
        status: rollout.status,
        started_at: rollout.startedAtMs,
        state: JSON.stringify(rollout),
      };
      await store.write(
        async (tx) =>
          await tx
            .insertInto('rollouts')
            .values(row)
            .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
            .execute(),
      );
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
