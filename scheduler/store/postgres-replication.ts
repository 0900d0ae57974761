import { sql, type Kysely } from 'kysely';
import type { Clock } from '../../common/runtime/clock.ts';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { Replication } from './replication.ts';
import type { Tables } from './tables.ts';

/**
 * Refuses to start where the server contradicts the setting. With asynchronous replication a fail-over forgets the last
 * commits. Two of them must not be forgotten: an intent (a VM could then withdraw while its approval is under way) and what
 * takes a promise back (a VM in service would count as out). So either those wait for the standby, or nobody may withdraw.
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

/** Between two messages about the same standby: it is gone for minutes, and every write would say so. */
const REPEAT_AFTER_MS = 60_000;

/**
 * Says what is wrong when the standby that the server waits for is gone: no commit then ends (no time limit of PostgreSQL's
 * holds for that wait), connections are given up one after the other, and nothing else tells why. Whoever calls it suspects
 * that; it never rejects.
 */
export function createStandbyWatch(server: string, clock: Clock, log: Log): (db: Kysely<Tables>) => Promise<void> {
  let saidAtMs: number | undefined;
  return async (db) => {
    const names = await missingStandby(db).catch(() => undefined);
    const now = clock.monotonic();
    if (names === undefined || (saidAtMs !== undefined && now - saidAtMs < REPEAT_AFTER_MS)) return;
    saidAtMs = now;
    log.error(
      {
        server,
        synchronousStandbyNames: names,
        hint: "start the standby again, or take it out of the server's synchronous_standby_names and reload its configuration; all goes on then by itself",
      },
      'PostgreSQL waits for a standby that is not connected: until it is, nothing can be written',
    );
  };
}

/**
 * `synchronous_standby_names` when no standby that it names is connected. What a role may not see (`sync_state` is null without
 * pg_read_all_stats) counts as there.
 */
async function missingStandby(db: Kysely<Tables>): Promise<string | undefined> {
  const { rows } = await sql<{ names: string; there: number }>`
    select current_setting('synchronous_standby_names') as names,
      (select count(*) from pg_stat_replication where sync_state is null or sync_state in ('sync', 'quorum')) as there
  `.execute(db);
  const [found] = rows;
  return found === undefined || found.names === '' || found.there > 0 ? undefined : found.names;
}

function refusal(message: string, hint: string): UserError {
  return new UserError('STORE_REPLICATION', message, { hint, exitStatus: EXIT_USAGE });
}
