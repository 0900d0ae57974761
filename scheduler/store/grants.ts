import { z } from 'zod';
import type { GrantStore } from '../coordination/leaving.ts';
import { lockName } from './names.ts';
import type { SqlStore } from './sql.ts';

const grantsSchema = z.array(z.tuple([z.string(), z.number()]));

/** Who was let go early, in SQL: a row for each scope and role, which holds as many as have left in half a minute. */
export function createGrantStore(store: SqlStore): GrantStore {
  return {
    change: async ({ scope, role }, decide) => {
      const key = JSON.stringify([scope, role]);
      await store.write(async (tx) => {
        await lockName(store, tx, `leaving ${key}`);
        const row = await tx.selectFrom('leave_grants').select('grants').where('key', '=', key).executeTakeFirst();
        const before = new Map(row === undefined ? [] : grantsSchema.parse(JSON.parse(row.grants)));
        const after = decide(before);
        if (after === before) return;
        const grants = JSON.stringify([...after]);
        await tx
          .insertInto('leave_grants')
          .values({ key, grants })
          .onConflict((conflict) => conflict.column('key').doUpdateSet({ grants }))
          .execute();
      });
    },
  };
}
