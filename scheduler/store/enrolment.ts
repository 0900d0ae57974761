import type { Kysely, Selectable } from 'kysely';
import type { AgentKey, EnrolmentToken } from '../enrolment/admission.ts';
import type { EnrolmentStore } from '../enrolment/enrolment-store.ts';
import { lockRows, type SqlStore } from './sql.ts';
import type { AgentKeysTable, EnrolmentTokensTable, Tables } from './tables.ts';

/** Keys of agents and hashes of one-time tokens, in SQL. */
export function createEnrolmentStore(store: SqlStore): EnrolmentStore {
  const { db, dialect } = store;
  const findToken = async (tx: Kysely<Tables>, hash: string): Promise<EnrolmentToken | undefined> => {
    const row = await tx
      .selectFrom('enrolment_tokens')
      .selectAll()
      .where('hash', '=', hash)
      .modifyEnd(lockRows(dialect, 'enrolment_tokens'))
      .executeTakeFirst();
    return row && tokenOf(row);
  };
  return {
    change: async (scope, name, hash, decide) => {
      await store.write(async (tx) => {
        const row = await tx
          .selectFrom('agent_keys')
          .selectAll()
          .where('scope', '=', scope)
          .where('name', '=', name)
          .modifyEnd(lockRows(dialect, 'agent_keys'))
          .executeTakeFirst();
        const token = hash === undefined ? undefined : await findToken(tx, hash);
        const wanted = decide(row && keyOf(row), token);
        if (wanted === undefined) return;
        await putKey(tx, wanted.key);
        if (hash !== undefined && wanted.usesTokenAtMs !== undefined)
          await tx
            .updateTable('enrolment_tokens')
            .set({ used_at: wanted.usesTokenAtMs })
            .where('hash', '=', hash)
            .execute();
      });
    },
    addToken: async (hash, token, now) => {
      await store.write(async (tx) => {
        await tx.deleteFrom('enrolment_tokens').where('expires_at', '<', now).execute();
        await tx
          .insertInto('enrolment_tokens')
          .values({
            hash,
            scope: token.scope,
            name: token.name ?? null,
            expires_at: token.expiresAtMs,
            used_at: token.usedAtMs ?? null,
          })
          .execute();
      });
    },
    keys: async () =>
      (await db.selectFrom('agent_keys').selectAll().orderBy('scope').orderBy('name').execute()).map(keyOf),
    changedSince: async (sinceMs) =>
      (await db.selectFrom('agent_keys').selectAll().where('changed_at', '>=', sinceMs).execute()).map(keyOf),
  };
}

async function putKey(tx: Kysely<Tables>, key: AgentKey): Promise<void> {
  const values = {
    vm_id: key.vmId,
    public_key: key.publicKey,
    enrolled_at: key.enrolledAtMs,
    rotated_at: key.rotatedAtMs ?? null,
    revoked_at: key.revokedAtMs ?? null,
    changed_at: Math.max(key.enrolledAtMs, key.rotatedAtMs ?? 0, key.revokedAtMs ?? 0),
  };
  await tx
    .insertInto('agent_keys')
    .values({ scope: key.scope, name: key.name, ...values })
    .onConflict((conflict) => conflict.columns(['scope', 'name']).doUpdateSet(values))
    .execute();
}

function keyOf(row: Selectable<AgentKeysTable>): AgentKey {
  return {
    scope: row.scope,
    name: row.name,
    vmId: row.vm_id,
    publicKey: row.public_key,
    enrolledAtMs: row.enrolled_at,
    rotatedAtMs: row.rotated_at ?? undefined,
    revokedAtMs: row.revoked_at ?? undefined,
  };
}

function tokenOf(row: Selectable<EnrolmentTokensTable>): EnrolmentToken {
  return {
    scope: row.scope,
    name: row.name ?? undefined,
    expiresAtMs: row.expires_at,
    usedAtMs: row.used_at ?? undefined,
  };
}
