import type { Kysely, Selectable } from 'kysely';
import { canonicalEventId } from '../../common/agreement/names.ts';
import { recordSchema } from '../../common/protocol/agreement-messages.ts';
import type { AgreementStore, StoredRecord } from './store.ts';
import type { AgreementsTable, Tables } from './tables.ts';

/** Records of agreements in SQL; the version column is what compare-and-set compares. */
export function createAgreementStore(db: Kysely<Tables>): AgreementStore {
  return {
    read: async (scope, eventId) => {
      const row = await db
        .selectFrom('agreements')
        .selectAll()
        .where('scope', '=', scope)
        .where('event_id', '=', canonicalEventId(eventId))
        .executeTakeFirst();
      return row === undefined ? undefined : fromRow(row);
    },
    write: async (record, expectedVersion, now) => {
      const values = {
        version: expectedVersion + 1,
        phase: record.phase,
        record: JSON.stringify(record),
        updated_at: now,
      };
      if (expectedVersion === 0) {
        const inserted = await db
          .insertInto('agreements')
          .values({ scope: record.scope, event_id: canonicalEventId(record.eventId), ...values })
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirst();
        return inserted.numInsertedOrUpdatedRows === 1n;
      }
      const updated = await db
        .updateTable('agreements')
        .set(values)
        .where('scope', '=', record.scope)
        .where('event_id', '=', canonicalEventId(record.eventId))
        .where('version', '=', expectedVersion)
        .executeTakeFirst();
      return updated.numUpdatedRows === 1n;
    },
    list: async (limit, scope) => {
      let query = db.selectFrom('agreements').selectAll().orderBy('updated_at', 'desc').limit(limit);
      if (scope !== undefined) query = query.where('scope', '=', scope);
      return (await query.execute()).map(fromRow);
    },
    prune: async (beforeMs) => {
      await db
        .deleteFrom('agreements')
        .where('phase', 'in', ['ended', 'aborted'])
        .where('updated_at', '<', beforeMs)
        .execute();
    },
  };
}

function fromRow(row: Selectable<AgreementsTable>): StoredRecord {
  return { record: recordSchema.parse(JSON.parse(row.record)), version: row.version, updatedAtMs: row.updated_at };
}
