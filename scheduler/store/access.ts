import type { Selectable } from 'kysely';
import { z } from 'zod';
import { grantSchema } from '../access/grants.ts';
import type { AccessStore, AccessToken, AccessUser } from '../access/access-store.ts';
import type { SqlStore } from './sql.ts';
import type { AccessTokensTable, AccessUsersTable } from './tables.ts';

const grantsSchema = z.array(grantSchema);

/** Users, their grants and the hashes of their tokens, in SQL. */
export function createAccessStore(store: SqlStore): AccessStore {
  const { db } = store;
  return {
    putUser: async (user) =>
      await store.write(async (tx) => {
        const key = keyOf(user.name);
        const known = await tx.selectFrom('access_users').select('key').where('key', '=', key).executeTakeFirst();
        const grants = JSON.stringify(user.grants);
        await tx
          .insertInto('access_users')
          .values({ key, name: user.name, grants, created_at: user.createdAtMs })
          .onConflict((conflict) => conflict.column('key').doUpdateSet({ grants }))
          .execute();
        return known === undefined;
      }),
    deleteUser: async (name) =>
      await store.write(async (tx) => {
        const result = await tx.deleteFrom('access_users').where('key', '=', keyOf(name)).executeTakeFirst();
        return result.numDeletedRows > 0n;
      }),
    users: async () => (await db.selectFrom('access_users').selectAll().orderBy('key').execute()).map(userOf),
    addToken: async (hash, token) =>
      await store.write(async (tx) => {
        const userKey = keyOf(token.user);
        const user = await tx.selectFrom('access_users').select('key').where('key', '=', userKey).executeTakeFirst();
        if (user === undefined) return false;
        await tx
          .insertInto('access_tokens')
          .values({
            hash,
            id: token.id,
            user_key: userKey,
            created_at: token.createdAtMs,
            expires_at: token.expiresAtMs ?? null,
          })
          .execute();
        return true;
      }),
    deleteToken: async (user, id) =>
      await store.write(async (tx) => {
        const result = await tx
          .deleteFrom('access_tokens')
          .where('user_key', '=', keyOf(user))
          .where('id', '=', id)
          .executeTakeFirst();
        return result.numDeletedRows > 0n;
      }),
    tokens: async (user) =>
      (
        await db
          .selectFrom('access_tokens')
          .selectAll()
          .where('user_key', '=', keyOf(user))
          .orderBy('created_at')
          .orderBy('id')
          .execute()
      ).map((row) => tokenOf(row, user)),
    find: async (hash) => {
      const row = await db.selectFrom('access_tokens').selectAll().where('hash', '=', hash).executeTakeFirst();
      if (row === undefined) return undefined;
      const user = await db.selectFrom('access_users').selectAll().where('key', '=', row.user_key).executeTakeFirst();
      return user && { token: tokenOf(row, user.name), user: userOf(user) };
    },
  };
}

function keyOf(name: string): string {
  return name.toLowerCase();
}

function userOf(row: Selectable<AccessUsersTable>): AccessUser {
  return { name: row.name, grants: grantsSchema.parse(JSON.parse(row.grants)), createdAtMs: row.created_at };
}

function tokenOf(row: Selectable<AccessTokensTable>, user: string): AccessToken {
  return { id: row.id, user, createdAtMs: row.created_at, expiresAtMs: row.expires_at ?? undefined };
}
