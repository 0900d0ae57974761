import { sql, type Kysely } from 'kysely';
import type { SqlStore } from './sql.ts';
import type { Tables } from './tables.ts';

/** Two replicas that write what bears this name do so one after the other, also while there is no row yet to lock. */
export async function lockName(store: SqlStore, tx: Kysely<Tables>, name: string): Promise<void> {
  if (store.dialect === 'postgres') await sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`.execute(tx);
}
