import { sql, type Kysely } from 'kysely';
import { z } from 'zod';
import { ROLLOUT_PHASES, type RolloutState } from '../rollout.ts';
import { mailOrders } from './fleet.ts';
import type { SqlStore } from './sql.ts';
import type { RolloutStore } from './store.ts';
import type { Tables } from './tables.ts';

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
    put: async (rollout, orders = []) => {
      const row = {
        id: rollout.id,
        status: rollout.status,
        started_at: rollout.startedAtMs,
        state: JSON.stringify(rollout),
      };
      return await store.write(async (tx) => {
        if (!(await isOwn(store, tx, rollout))) return false;
        await tx
          .insertInto('rollouts')
          .values(row)
          .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
          .execute();
        await mailOrders(store, tx, orders);
        return true;
      });
    },
    underWay: async () => {
      const rows = await db
        .selectFrom('rollouts')
        .innerJoin('executions', 'executions.id', 'rollouts.id')
        .select('rollouts.state')
        .where('rollouts.status', '=', 'running')
        .where('executions.ended_at', 'is', null)
        .execute();
      return rows.map((row) => rolloutSchema.parse(JSON.parse(row.state)));
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

/**
 * Holds this replica's row until the step is committed: whoever takes it for dead deletes that row first, and hands its
 * executions back in the same transaction. So either the step comes before that, and the next one resumes from it, or not at all.
 */
async function isOwn(store: SqlStore, tx: Kysely<Tables>, rollout: RolloutState): Promise<boolean> {
  const living = await tx
    .selectFrom('replicas')
    .select('owner')
    .where('owner', '=', store.owner)
    .modifyEnd(store.dialect === 'postgres' ? sql`for share` : sql``)
    .executeTakeFirst();
  if (living === undefined) return false;
  const execution = await tx
    .selectFrom('executions')
    .select('id')
    .where('id', '=', rollout.id)
    .where('owner', '=', store.owner)
    .where('attempt', '=', rollout.attempt)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
  return execution !== undefined;
}
