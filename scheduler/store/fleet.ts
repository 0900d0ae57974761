import { sql, type Kysely } from 'kysely';
import { z } from 'zod';
import { agentHealthSchema, schedulerMessageSchema } from '../../common/protocol/messages.ts';
import type { FarVm, FleetStore, Mail, NearVm, Order } from '../replicas/fleet-store.ts';
import { rolloutOf, type RolloutReport } from '../rollout.ts';
import { rowsOf, type ColumnType, type SqlStore } from './sql.ts';
import type { Tables } from './tables.ts';

const COLUMNS = {
  key: 'text',
  identity: 'text',
  agent_version: 'text',
  first_seen_at: 'bigint',
  last_seen_at: 'bigint',
  owner: 'text',
  connection: 'text',
  connected_at: 'bigint',
  health: 'text',
  health_at: 'bigint',
} as const satisfies Record<string, ColumnType>;

/** Only living replicas read what living ones wrote; one of another version may not understand it. */
const contentSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('order'), key: z.string(), connection: z.string(), message: schedulerMessageSchema }),
  z.object({
    kind: z.literal('report'),
    report: z.object({
      kind: z.enum(['drained', 'taskDone', 'restored']),
      key: z.string(),
      workId: z.string(),
      attempt: z.number(),
      ok: z.boolean(),
      detail: z.string(),
    }),
  }),
]) satisfies z.ZodType<NonNullable<Mail['content']>>;

const farSchema = z.object({
  key: z.string(),
  owner: z.string(),
  connection: z.string(),
  connectedAtMs: z.number(),
  health: agentHealthSchema,
  healthAtMs: z.number(),
}) satisfies z.ZodType<FarVm>;

/** What replicas let each other know about the fleet, in SQL. */
export function createFleetStore(store: SqlStore): FleetStore {
  const { db } = store;
  return {
    announce: async (here, gone) => {
      await store.write(async (tx) => {
        await announce(store, tx, here);
        await forget(store, tx, gone);
        const keys = [...here, ...gone].map(({ key }) => key);
        if (keys.length > 0) await store.tell(tx, { kind: 'vms', keys });
      });
    },
    elsewhere: async (keys) => await findElsewhere(store, keys),
    forward: async (reports) => {
      await store.write(async (tx) => {
        for (const report of reports) await forward(store, tx, report);
      });
    },
    readMail: async () => {
      const rows = await db
        .selectFrom('mail')
        .select(['number', 'body'])
        .where('to_owner', '=', store.owner)
        .orderBy('number')
        .execute();
      return rows.map((row) => ({ number: row.number, content: contentSchema.safeParse(JSON.parse(row.body)).data }));
    },
    throwAway: async (numbers) => {
      await store.write(
        async (tx) =>
          await tx
            .deleteFrom('mail')
            .where('number', 'in', [...numbers])
            .execute(),
      );
    },
  };
}

/** Leaves orders for the replicas that they are meant for, in the transaction of the step that they carry out. */
export async function mailOrders(
  store: SqlStore,
  tx: Kysely<Tables>,
  orders: readonly { readonly to: string; readonly order: Order }[],
): Promise<void> {
  if (orders.length === 0) return;
  await tx
    .insertInto('mail')
    .values(orders.map(({ to, order }) => ({ to_owner: to, body: JSON.stringify(order) })))
    .execute();
  for (const to of new Set(orders.map((order) => order.to))) await store.tell(tx, { kind: 'mail', to });
}

async function announce(store: SqlStore, tx: Kysely<Tables>, here: readonly NearVm[]): Promise<void> {
  if (here.length === 0) return;
  // In one order, whoever announces: an agent that moves is announced by two replicas at about the same time.
  const rows = here.toSorted(byKey).map(({ key, vm, connection, connectedAtMs, health, healthAtMs }) => ({
    key,
    identity: JSON.stringify(vm.identity),
    agent_version: vm.agentVersion,
    first_seen_at: vm.firstSeenAtMs,
    last_seen_at: vm.lastSeenAtMs,
    owner: store.owner,
    connection,
    connected_at: connectedAtMs,
    health: JSON.stringify(health),
    health_at: healthAtMs,
  }));
  const names = sql.join(Object.keys(COLUMNS).map((name) => sql.ref(name)));
  await sql`insert into vms (${names}) select ${names} from ${rowsOf(store.dialect, COLUMNS, rows)} where true
    on conflict (key) do update set owner = excluded.owner, connection = excluded.connection,
      connected_at = excluded.connected_at, health = excluded.health, health_at = excluded.health_at
    where vms.connected_at is null or vms.connected_at <= excluded.connected_at`.execute(tx);
}

async function forget(
  store: SqlStore,
  tx: Kysely<Tables>,
  gone: readonly { readonly key: string; readonly connection: string }[],
): Promise<void> {
  if (gone.length === 0) return;
  const rows = rowsOf(
    store.dialect,
    { key: 'text', connection: 'text' },
    gone.toSorted(byKey).map(({ key, connection }) => ({ key, connection })),
  );
  await sql`update vms set owner = null, connection = null
    where exists (select 1 from ${rows} where v.key = vms.key and v.connection = vms.connection)`.execute(tx);
}

async function findElsewhere(store: SqlStore, keys: readonly string[] | undefined): Promise<readonly FarVm[]> {
  let query = store.db
    .selectFrom('vms')
    .innerJoin('replicas', 'replicas.owner', 'vms.owner')
    .select(['vms.key', 'vms.owner', 'vms.connection', 'vms.connected_at', 'vms.health', 'vms.health_at'])
    .where('vms.owner', '!=', store.owner)
    // One whose lease has run out can be no witness, also while its row is still there.
    .where('replicas.expires_at', '>=', store.clock.now());
  if (keys !== undefined) {
    const wanted = rowsOf(
      store.dialect,
      { key: 'text' },
      keys.map((key) => ({ key })),
    );
    query = query.where(sql<boolean>`vms.key in (select v.key from ${wanted})`);
  }
  const rows = await query.execute();
  return rows.flatMap((row) => {
    const far = farSchema.safeParse({
      key: row.key,
      owner: row.owner,
      connection: row.connection,
      connectedAtMs: row.connected_at,
      health: row.health === null ? null : JSON.parse(row.health),
      healthAtMs: row.health_at,
    });
    // One whose words are not understood counts as not connected: as out.
    return far.success ? [far.data] : [];
  });
}

async function forward(store: SqlStore, tx: Kysely<Tables>, report: RolloutReport): Promise<void> {
  const { kind, key, workId, attempt, ok, detail } = report;
  const content = { kind: 'report', report: { kind, key, workId, attempt, ok, detail } } satisfies Mail['content'];
  const performing = await tx
    .selectFrom('executions')
    .select('owner')
    .where('id', '=', rolloutOf(workId))
    .where('status', '=', 'running')
    .executeTakeFirst();
  // Nobody: it is between two replicas, and the next one asks the agent anew.
  if (typeof performing?.owner !== 'string') return;
  await tx
    .insertInto('mail')
    .values({ to_owner: performing.owner, body: JSON.stringify(content) })
    .execute();
  await store.tell(tx, { kind: 'mail', to: performing.owner });
}

function byKey(one: { readonly key: string }, other: { readonly key: string }): number {
  return one.key < other.key ? -1 : 1;
}
