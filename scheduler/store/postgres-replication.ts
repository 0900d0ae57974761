import { sql, type Kysely } from 'kysely';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import type { Replication } from './replication.ts';
import type { Tables } from './tables.ts';

/**
 * Refuses to start where the server contradicts the setting. With asynchronous replication a fail-over forgets the last
 * commits. Two of them must not be forgotten: an intent (a VM could then withdraw while its approval is under way) and a
 * withdrawal (a VM in service would count as out). So either those wait for the standby, or nobody may withdraw.
 */
export async function checkReplication(db: Kysely<Tables>, replication: Replication): Promise<void> {
  const standbys = (await sql<{ count: number }>`select count(*) as count from pg_stat_replication`.execute(db)).rows[0]
    ?.count;
  const names = (await sql<{ synchronous_standby_names: string }>`show synchronous_standby_names`.execute(db)).rows[0]
    ?.synchronous_standby_names;
  if (replication === 'synchronous' && (names ?? '') === '') {
    throw refusal(
      'store.postgres.replication is synchronous, but the server waits for no standby: its synchronous_standby_names is empty',
      'name the standbys there, or set store.postgres.replication to asynchronous; withdrawals are then refused',
    );
  }
  if (replication === 'none' && (standbys ?? 0) > 0) {
    throw refusal(
      `store.postgres.replication is none, but ${standbys} standby(s) follow the server`,
      'set store.postgres.replication to synchronous or asynchronous: it decides whether a VM may withdraw its promise',
    );
  }
}

function refusal(message: string, hint: string): UserError {
  return new UserError('STORE_REPLICATION', message, { hint, exitStatus: EXIT_USAGE });
}
