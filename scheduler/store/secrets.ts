import { sql } from 'kysely';
import type { SqlStore } from './sql.ts';
import type { SecretStore } from './store.ts';

/** Jobs sealed anew in one transaction. */
const SLICE = 200;

/** What is sealed, and with which keys, in SQL. */
export function createSecretStore(store: SqlStore): SecretStore {
  const { db, definitions } = store;
  return {
    keyIds: async () => {
      const rows = await db
        .selectFrom('jobs')
        .select('secret_key')
        .distinct()
        .where('secret_key', 'is not', null)
        .execute();
      return rows.flatMap((row) => row.secret_key ?? []);
    },
    reseal: async () => {
      let count = 0;
      for (;;) {
        const resealed = await store.write(async (tx) => {
          const rows = await tx
            .selectFrom('jobs')
            .select(['id', 'secrets'])
            .where('secret_key', 'is not', null)
            .where('secret_key', '!=', definitions.newestKeyId() ?? '')
            .limit(SLICE)
            .modifyEnd(store.dialect === 'postgres' ? sql`for update` : sql``)
            .execute();
          for (const row of rows) {
            await tx.updateTable('jobs').set(definitions.reseal(row.id, row)).where('id', '=', row.id).execute();
          }
          return rows.length;
        });
        count += resealed;
        if (resealed < SLICE) return count;
      }
    },
  };
}
