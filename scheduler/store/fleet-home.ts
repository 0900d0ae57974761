import { sql, type RawBuilder } from 'kysely';
import type { SqlStore } from './sql.ts';

/**
 * What of `jobs` and `collections` this replica may claim: jobs of collections that are not left to others, and of fleet jobs
 * all or none. Those belong to one replica, their home, whatever the region: it is the one that has lived longest, so another
 * becomes it only once this one's row is gone, and with the row its claims (`ReplicaStore.beat`). One that was taken for dead
 * without knowing it may still claim here; but it can take no step (`RolloutStore.put`).
 */
export function isClaimableHere(store: SqlStore, regionsOfOthers: readonly string[]): RawBuilder<boolean> {
  const isOfOurs =
    regionsOfOthers.length === 0
      ? sql<boolean>`true`
      : sql<boolean>`collections.region not in (${sql.join(regionsOfOthers)})`;
  // An embedded store has one scheduler, which is at home.
  if (store.dialect === 'sqlite') return isOfOurs;
  const isHome = sql<boolean>`(select owner from replicas order by number limit 1) = ${store.owner}`;
  return sql<boolean>`case when jobs.is_fleet = 1 then ${isHome} else ${isOfOurs} end`;
}
