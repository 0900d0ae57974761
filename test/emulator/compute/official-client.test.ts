import { readFile } from 'node:fs/promises';
import { ComputeManagementClient } from '@azure/arm-compute';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseFleet } from '../../../emulator/fleet/load-fleet.ts';
import { startEmulator, type Emulator } from '../../../emulator/start-emulator.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const FLEET = `
control: 127.0.0.1:0
host: none
compute: { listen: "127.0.0.1:0" }
notice: { Terminate: 5m }
impact: { rebootAtLeast: 2s, lingerAfterImpact: 1s }
rules: { userOperations: 2 }
vms: [{ name: db1 }, { name: db2 }]
scaleSets: [{ name: pool, instances: 2 }]
cloudService: { name: shop, roles: [{ name: Front, kind: web, instances: 1 }] }
`;
const MINUTE = 60_000;
/** How often the client asks how far an operation is. */
const updateIntervalInMs = 20;

let emulator: Emulator;
let clock: FakeClock;
let client: ComputeManagementClient;
beforeEach(async () => {
  clock = new FakeClock();
  const fleet = parseFleet({ file: 'fleet.yaml', text: FLEET });
  emulator = await startEmulator({ fleet, environment: {}, programs: { node: '', forewarn: [] }, clock });
  const credential = { getToken: async () => ({ token: 'any', expiresOnTimestamp: Number.MAX_SAFE_INTEGER }) };
  client = new ComputeManagementClient(credential, 'subscription', {
    endpoint: emulator.compute?.url ?? '',
    tlsOptions: { ca: await readFile(emulator.compute?.caFile ?? '', 'utf8') },
    retryOptions: { maxRetries: 0 },
  });
});
afterEach(async () => {
  await emulator.close();
});

async function eventOf(
  vm: string,
): Promise<{ EventType: string; EventStatus: string; EventSource: string } | undefined> {
  const found = emulator.vms.find((other) => other.name === vm);
  const url = `${found?.metadata ?? ''}/metadata/scheduledevents?api-version=2020-07-01`;
  const document = await (await fetch(url, { headers: { Metadata: 'true' } })).json();
  return (document as { Events: NonNullable<Awaited<ReturnType<typeof eventOf>>>[] }).Events[0];
}

describe('the official client of the compute API', () => {
  it('restarts a VM: the event appears, and the operation ends when the event is gone', async () => {
    const poller = client.virtualMachines.restart('group', 'DB1', { updateIntervalInMs });
    await poller.submitted();
    expect(await eventOf('db1')).toMatchObject({ EventType: 'Reboot', EventStatus: 'Scheduled', EventSource: 'User' });
    await poller.poll();
    expect(poller.isDone).toBe(false);
    await clock.advance(15 * MINUTE);
    expect(await eventOf('db1')).toMatchObject({ EventStatus: 'Started' });
    await clock.advance(3000);
    await poller.pollUntilDone();
    expect(await eventOf('db1')).toBeUndefined();
  });

  it.each([
    ['redeploy', 'Redeploy'],
    ['performMaintenance', 'Redeploy'],
    ['reimage', 'Redeploy'],
  ] as const)('can %s a VM, which is announced as a %s', async (verb, type) => {
    await client.virtualMachines[verb]('group', 'db1', { updateIntervalInMs }).submitted();
    expect(await eventOf('db1')).toMatchObject({ EventType: type, EventSource: 'User' });
  });

  it('simulates the eviction of a VM, and does not wait for it', async () => {
    await client.virtualMachines.simulateEviction('group', 'db1');
    expect(await eventOf('db1')).toMatchObject({ EventType: 'Preempt', EventSource: 'Platform' });
  });

  it('hears that an operation was cancelled', async () => {
    const poller = client.virtualMachines.restart('group', 'db1', { updateIntervalInMs });
    await poller.submitted();
    emulator.operations.cancel(emulator.operations.events()[0]?.eventId ?? '');
    await expect(poller.pollUntilDone()).rejects.toThrow(/cancel/i);
  });

  it('deletes an instance of a scale set, which is announced; a VM that stands alone goes unannounced', async () => {
    const poller = client.virtualMachineScaleSetVMs.delete('group', 'pool', '1', { updateIntervalInMs });
    await poller.submitted();
    expect(await eventOf('pool_0')).toMatchObject({ EventType: 'Terminate', Resources: ['pool_1'] });
    await clock.advance(5 * MINUTE + 2000);
    await poller.pollUntilDone();
    await expect(client.virtualMachineScaleSetVMs.get('group', 'pool', '1')).rejects.toMatchObject({ statusCode: 404 });
    await client.virtualMachines.delete('group', 'db2', { updateIntervalInMs });
    expect(emulator.vms.map((vm) => vm.name)).not.toContain('db2');
    expect(emulator.operations.events()).toHaveLength(1);
    await expect(client.virtualMachines.get('group', 'db2')).rejects.toMatchObject({ statusCode: 404 });
  });

  const powerOf = async (vm: string): Promise<string | undefined> =>
    (await client.virtualMachines.instanceView('group', vm)).statuses?.at(-1)?.code;

  it('stops, deallocates and starts a VM, none of which is announced', async () => {
    await client.virtualMachines.restart('group', 'db1', { updateIntervalInMs }).submitted();
    await client.virtualMachines.powerOff('group', 'db1', { updateIntervalInMs });
    // Nobody has to be warned of a restart of what does not run.
    expect(await eventOf('db1')).toBeUndefined();
    expect(await powerOf('db1')).toBe('PowerState/stopped');
    await expect(client.virtualMachines.restart('group', 'db1')).rejects.toMatchObject({
      statusCode: 409,
      code: 'OperationNotAllowed',
    });
    await client.virtualMachines.deallocate('group', 'db1', { updateIntervalInMs });
    await client.virtualMachines.powerOff('group', 'db1', { updateIntervalInMs });
    expect(await powerOf('db1')).toBe('PowerState/deallocated');
    for (let times = 0; times < 2; times++) {
      await client.virtualMachines.start('group', 'db1', { updateIntervalInMs });
      expect(await powerOf('db1')).toBe('PowerState/running');
    }
    expect(emulator.operations.events()).toMatchObject([{ state: 'cancelled' }]);
  });

  it('deallocates an instance of a scale set by a Terminate, starts it again, and deletes a stopped one at once', async () => {
    const poller = client.virtualMachineScaleSetVMs.deallocate('group', 'pool', '0', { updateIntervalInMs });
    await poller.submitted();
    expect(await eventOf('pool_1')).toMatchObject({ EventType: 'Terminate', Resources: ['pool_0'] });
    await clock.advance(5 * MINUTE + 2000);
    await poller.pollUntilDone();
    await client.virtualMachineScaleSetVMs.start('group', 'pool', '0', { updateIntervalInMs });
    const view = await client.virtualMachineScaleSetVMs.getInstanceView('group', 'pool', '0');
    expect(view.statuses?.at(-1)?.code).toBe('PowerState/running');
    await client.virtualMachineScaleSetVMs.powerOff('group', 'pool', '0', { updateIntervalInMs });
    await client.virtualMachineScaleSetVMs.delete('group', 'pool', '0', { updateIntervalInMs });
    expect(emulator.vms.map((vm) => vm.name)).not.toContain('pool_0');
    expect(emulator.operations.events()).toHaveLength(1);
  });

  const namesOf = async (list: AsyncIterable<{ name?: string }>): Promise<readonly string[]> => {
    const names: string[] = [];
    for await (const { name = '' } of list) names.push(name);
    return names;
  };

  it('lists VMs, scale sets and their instances, under ids that lead back to them', async () => {
    expect(await namesOf(client.virtualMachines.list('group'))).toEqual(['db1', 'db2']);
    expect(await namesOf(client.virtualMachines.listAll())).toEqual(['db1', 'db2']);
    expect(await namesOf(client.virtualMachineScaleSets.list('group'))).toEqual(['pool']);
    expect(await namesOf(client.virtualMachineScaleSets.listAll())).toEqual(['pool']);
    expect((await client.virtualMachineScaleSets.get('group', 'POOL')).sku?.capacity).toBe(2);
    const found = [];
    for await (const vm of client.virtualMachineScaleSetVMs.list('group', 'pool')) found.push(vm);
    expect(found.map(({ name, instanceId }) => [name, instanceId])).toEqual([
      ['pool_0', '0'],
      ['pool_1', '1'],
    ]);
    expect(found[0]?.id).toBe(
      '/subscriptions/subscription/resourceGroups/group/providers/Microsoft.Compute/virtualMachineScaleSets/pool/virtualMachines/0',
    );
    await expect(namesOf(client.virtualMachineScaleSetVMs.list('group', 'puddle'))).rejects.toMatchObject({
      statusCode: 404,
      code: 'ResourceNotFound',
    });
    await expect(client.virtualMachineScaleSets.get('group', 'shop')).rejects.toMatchObject({ statusCode: 404 });
  });

  it('reads a VM and its state', async () => {
    const vm = await client.virtualMachines.get('group', 'db1');
    expect(vm).toMatchObject({ name: 'db1', location: 'westeurope', provisioningState: 'Succeeded' });
    const view = await client.virtualMachineScaleSetVMs.getInstanceView('group', 'pool', '0');
    expect(view.statuses?.map((status) => status.code)).toContain('PowerState/running');
  });

  it('is told plainly what there is not, and what is too much', async () => {
    await expect(client.virtualMachines.restart('group', 'db9')).rejects.toMatchObject({
      statusCode: 404,
      code: 'ResourceNotFound',
    });
    for (const vm of ['db1', 'db2']) await client.virtualMachines.restart('group', vm).submitted();
    await expect(client.virtualMachines.restart('group', 'db1')).rejects.toMatchObject({
      statusCode: 409,
      code: 'OperationNotAllowed',
    });
  });
});
