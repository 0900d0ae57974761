import { sql, type Kysely, type Selectable } from 'kysely';
import type { AgreementRecord, PromiseState } from '../../common/agreement/record.ts';
import { canonicalEventId } from '../../common/agreement/names.ts';
import { recordSchema } from '../../common/protocol/agreement-messages.ts';
import { UserError } from '../../common/runtime/errors.ts';
import type { SqlStore } from './sql.ts';
import type { AgreementStore, StoredRecord } from './store.ts';
import type { AgreementsTable, Tables } from './tables.ts';

export interface AgreementOptions {
  /** With a standby that is told later, a withdrawal could be lost at a fail-over: see `AgreementStore.mayWithdraw`. */
  readonly mayWithdraw: boolean;
  /** Intents, and whatever takes a promise back, wait until a standby has applied them. */
  readonly awaitStandby: boolean;
}

/**
 * Records of agreements in SQL. The version column is what compare-and-set compares; the term beside it is a second fence, so
 * that no write of an older leader passes even if versions were ever mixed up. Both are in the one statement that writes.
 */
export function createAgreementStore(store: SqlStore, options: AgreementOptions): AgreementStore {
  const { db } = store;
  return {
    mayWithdraw: options.mayWithdraw,
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
      const news = { kind: 'agreement', scope: record.scope, eventId: record.eventId } as const;
      if (!options.awaitStandby || !isUnsafeToLose(record)) {
        return await store.write(async (tx) => {
          const isWritten = await compareAndSet(tx, record, { expectedVersion, now });
          if (isWritten) await store.tell(tx, news);
          return isWritten;
        });
      }
      const isWritten = await store.write(async (tx) => {
        await sql`set local synchronous_commit = 'remote_apply'`.execute(tx);
        return await compareAndSet(tx, record, { expectedVersion, now });
      });
      // In a transaction of its own: one that notifies keeps all others that do so waiting until it is over (PostgreSQL
      // source, `PreCommit_Notify`). News that is lost costs time only: agents ask by themselves.
      if (isWritten) await store.write(async (tx) => await store.tell(tx, news)).catch(() => {});
      return isWritten;
    },
    list: async (limit, scope) => {
      let query = db.selectFrom('agreements').selectAll().orderBy('updated_at', 'desc').limit(limit);
      if (scope !== undefined) query = query.where('scope', '=', scope);
      return (await query.execute()).map(fromRow);
    },
    prune: async (beforeMs) => {
      await store.write(
        async (tx) =>
          await tx
            .deleteFrom('agreements')
            .where('phase', 'in', ['ended', 'aborted'])
            .where('updated_at', '<', beforeMs)
            .execute(),
      );
    },
  };
}

/**
 * An intent must not be forgotten (a withdrawal could follow), nor a withdrawal or a step back (the promise before it would count
 * again, and its VM is in service). A lower promise may be such a step; that it is only a first one costs little.
 */
function isUnsafeToLose(record: AgreementRecord): boolean {
  return record.everIntent || Object.values(record.members).some(({ promise }) => TAKEN_BACK.has(promise));
}

const TAKEN_BACK: ReadonlySet<PromiseState> = new Set(['withdrawn', 'binding', 'consented']);

async function compareAndSet(
  tx: Kysely<Tables>,
  record: AgreementRecord,
  { expectedVersion, now }: { readonly expectedVersion: number; readonly now: number },
): Promise<boolean> {
  const values = {
    term: record.term,

    version: expectedVersion + 1,
    phase: record.phase,
    record: JSON.stringify(record),
    updated_at: now,
  };
  if (expectedVersion === 0) {
    const inserted = await tx
      .insertInto('agreements')
      .values({ scope: record.scope, event_id: canonicalEventId(record.eventId), ...values })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    return inserted.numInsertedOrUpdatedRows === 1n;
  }
  const updated = await tx
    .updateTable('agreements')
    .set(values)
    .where('scope', '=', record.scope)
    .where('event_id', '=', canonicalEventId(record.eventId))
    .where('version', '=', expectedVersion)
    .where('term', '<=', record.term)
    .executeTakeFirst();
  return updated.numUpdatedRows === 1n;
}

/**
 * A record that cannot be read is an error and never "no record": nobody may approve past it. Throws a `UserError`, for the likely
 * reason is a newer scheduler that wrote it.
 */
function fromRow(row: Selectable<AgreementsTable>): StoredRecord {
  const parsed = recordSchema.safeParse(parseJson(row.record));
  if (parsed.success) return { record: parsed.data, version: row.version, updatedAtMs: row.updated_at };
  const { path = [], message = '' } = parsed.error.issues[0] ?? {};
  const where = path.length === 0 ? '' : `${path.map(String).join('.')}: `;
  throw new UserError(
    'STORE_RECORD',
    `the store's record of event ${row.event_id} of scope ${row.scope} cannot be read (${where}${message})`,
    {
      hint: 'if a newer version of Forewarn has used this store, install that one again: agreements are never guessed',
    },
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
