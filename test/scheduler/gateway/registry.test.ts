import { beforeEach, describe, expect, it } from 'vitest';
import { Registry, type LiveVm } from '../../../scheduler/gateway/registry.ts';
import type { KnownVm, VmStore } from '../../../scheduler/store/store.ts';
import { IN_SERVICE, vmIdentity } from '../../support/running-scheduler.ts';

const HOUR_MS = 3_600_000;
const START = Date.parse('2026-11-20T12:00:00Z');

describe('what the store is told of the VMs that are connected', () => {
  let rows: Map<string, KnownVm>;
  let writes: number;
  let isBroken: boolean;
  let store: VmStore;

  beforeEach(() => {
    rows = new Map();
    writes = 0;
    isBroken = false;
    store = {
      put: async (vm) => {
        if (isBroken) throw new Error('disk full');
        writes++;
        rows.set(vm.identity.name, vm);
      },
      list: async () => [...rows.values()],
    };
  });

  const connected = (name: string, connection = 'c1'): LiveVm => ({
    identity: vmIdentity(name),
    agentVersion: '0.1.0',
    connection,
    connectedAtMs: START,
    health: IN_SERVICE,
    healthAtMs: START,
    send: () => {},
    drop: () => {},
  });

  it('keeps one that has been connected for days from being taken for gone by whoever reads it next', async () => {
    const registry = new Registry(store);
    const vm = connected('Web_0');
    await registry.connect(vm);
    for (let hours = 0; hours <= 72; hours += 0.25) await registry.seen(vm, START + hours * HOUR_MS);
    expect(rows.get('Web_0')?.lastSeenAtMs).toBe(START + 72 * HOUR_MS);
    // Once an hour, not at each heartbeat.
    expect(writes).toBe(73);
  });

  it('loses nothing by a write that fails: the next heartbeat writes again', async () => {
    const registry = new Registry(store);
    const vm = connected('Web_0');
    await registry.connect(vm);
    isBroken = true;
    await registry.seen(vm, START + HOUR_MS);
    isBroken = false;
    await registry.seen(vm, START + HOUR_MS + 5000);
    expect(rows.get('Web_0')?.lastSeenAtMs).toBe(START + HOUR_MS + 5000);
  });

  it('is not set back by an inventory, and not by a connection that was replaced', async () => {
    const registry = new Registry(store);
    const vm = connected('Web_0');
    await registry.connect(vm);
    await registry.seen(vm, START + 2 * HOUR_MS);
    await registry.setInventory(vm, {
      hostname: 'web0',
      os: 'linux',
      kernel: '6',
      cpuModel: 'x',
      cpus: 1,
      memoryBytes: 1,
      bootedAtMs: 1,
      addresses: [],
      disks: [],
    });
    expect(rows.get('Web_0')?.lastSeenAtMs).toBe(START + 2 * HOUR_MS);
    await registry.connect(connected('Web_0', 'c2'));
    await registry.seen(vm, START + 9 * HOUR_MS);
    expect(rows.get('Web_0')?.lastSeenAtMs).toBe(START + 2 * HOUR_MS);
  });

  it('is what another replica knows of them, beside its own', async () => {
    const [one, two] = [new Registry(store), new Registry(store)];
    await two.connect(connected('Web_1'));
    await one.connect(connected('Web_0'));
    await one.seen(connected('Web_0'), START + 30 * HOUR_MS);
    expect(two.allKnown(START).map(({ identity }) => identity.name)).toEqual(['Web_1']);
    await two.load();
    expect(two.allKnown(START + 31 * HOUR_MS)).toMatchObject([
      { identity: { name: 'Web_0' }, lastSeenAtMs: START + 30 * HOUR_MS },
      { identity: { name: 'Web_1' }, lastSeenAtMs: START + 31 * HOUR_MS },
    ]);
  });
});
