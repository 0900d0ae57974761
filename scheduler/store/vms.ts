import { z } from 'zod';
import type { Inventory, VmIdentity } from '../../common/protocol/messages.ts';
import { vmKey } from '../vm-key.ts';
import type { SqlStore } from './sql.ts';
import type { VmStore } from './store.ts';

/** The stored forms. They resemble what agents send but are the store's own: a change of the protocol must not unread rows. */
const storedIdentity = z.object({
  scope: z.string(),
  name: z.string(),
  vmId: z.string(),
  role: z.string(),
  updateDomain: z.string(),
  faultDomain: z.string(),
  zone: z.string(),
}) satisfies z.ZodType<VmIdentity>;

const storedInventory = z.object({
  hostname: z.string(),
  os: z.string(),
  kernel: z.string(),
  cpuModel: z.string(),
  cpus: z.number(),
  memoryBytes: z.number(),
  bootedAtMs: z.number(),
  addresses: z.array(z.string()),
  disks: z.array(z.object({ mount: z.string(), sizeBytes: z.number(), usedBytes: z.number() })),
}) satisfies z.ZodType<Inventory>;

/** The VMs whose agents have ever said hello, in SQL. */
export function createVmStore(store: SqlStore): VmStore {
  const { db } = store;
  return {
    put: async (vm) => {
      const changing = {
        identity: JSON.stringify(vm.identity),
        agent_version: vm.agentVersion,
        last_seen_at: vm.lastSeenAtMs,
        ...(vm.inventory === undefined ? {} : { inventory: JSON.stringify(vm.inventory) }),
      };
      await store.write(
        async (tx) =>
          await tx
            .insertInto('vms')
            .values({
              inventory: null,
              ...changing,
              key: vmKey(vm.identity.scope, vm.identity.name),
              first_seen_at: vm.firstSeenAtMs,
            })
            .onConflict((conflict) => conflict.column('key').doUpdateSet(changing))
            .execute(),
      );
    },
    list: async () => {
      const rows = await db.selectFrom('vms').selectAll().orderBy('key').execute();
      return rows.map((row) => ({
        identity: storedIdentity.parse(JSON.parse(row.identity)),
        agentVersion: row.agent_version,
        inventory: row.inventory === null ? undefined : storedInventory.parse(JSON.parse(row.inventory)),
        firstSeenAtMs: row.first_seen_at,
        lastSeenAtMs: row.last_seen_at,
      }));
    },
  };
}
