import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { startEmulator, steppedClock, type StartOptions, type TestEmulator } from '../../../emulator/library.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const FLEET = `
host: none
metadata: { requestsPerSecond: 0 }
impact: { rebootAtLeast: 1s, lingerAfterImpact: 1s }
vms: [{ name: db1 }, { name: db2 }]
scaleSets: [{ name: pool, instances: 2 }]
cloudService:
  name: shop
  roles: [{ name: Front, kind: web, instances: 3 }, { name: Back, kind: worker, instances: 1 }]
`;
const SECOND = 'roles: [{ name: Front, kind: web, instances: 2 }]';

let stateFile: string;
let clock: ReturnType<typeof steppedClock>;
beforeEach(() => {
  stateFile = path.join(temporaryFolder(), 'state.json');
  clock = steppedClock();
});

/** `work` with an emulator; then the same with what the next one over the same state makes of it. */
async function run<Result>(
  work: (emulator: TestEmulator) => Result | Promise<Result>,
  more: StartOptions = {},
): Promise<Result> {
  await using emulator = await startEmulator({ clock, fleetText: FLEET, stateFile, ...more });
  return await work(emulator);
}

const names = (emulator: TestEmulator): readonly string[] => emulator.fleet().vms.map((vm) => vm.name);

async function look(emulator: TestEmulator, vm: string): Promise<{ number: number; text: string }> {
  const url = `${emulator.metadata(vm)}/metadata/scheduledevents?api-version=2020-07-01`;
  const text = await (await fetch(url, { headers: { Metadata: 'true' } })).text();
  return { number: (JSON.parse(text) as { DocumentIncarnation: number }).DocumentIncarnation, text };
}

describe('a restart over a state file', () => {
  it('keeps instances that were scaled, deployments that were uploaded, and what slot each is in', async () => {
    const file = path.join(path.dirname(stateFile), 'service-2.yaml');
    writeFileSync(file, SECOND);
    const before = await run(async (emulator) => {
      await emulator.scale({ role: 'front', instances: 4, slot: 'production' });
      await emulator.scale({ role: 'back', instances: 2, slot: 'production' });
      await emulator.scale({ role: 'back', instances: 1, slot: 'production' });
      await emulator.upload({ file, text: SECOND });
      await emulator.swap();
      return { slots: emulator.service(), names: names(emulator).toSorted() };
    });
    // The file that was uploaded is no longer needed.
    writeFileSync(file, 'something else');
    await run((emulator) => {
      expect(emulator.service()).toEqual(before.slots);
      expect(names(emulator).toSorted()).toEqual(before.names);
      expect(emulator.service()).toMatchObject([
        { slot: 'production', deployment: 2, scope: 'shop-2', roles: [{ name: 'Front', instances: 2 }] },
        { slot: 'staging', deployment: 1, scope: 'shop', roles: [{ instances: 4 }, { instances: 1 }] },
      ]);
    });
    const third = await run(async (emulator) => await emulator.upload({ file, text: SECOND }));
    expect(third?.find((found) => found.slot === 'staging')?.deployment).toBe(3);
  });

  it('finds every VM where it was, unless its port is taken by then', async () => {
    const fleetText = 'host: none\nvms: [{ name: a, ports: [http] }, { name: b }]';
    const addresses = (emulator: TestEmulator): unknown[] => emulator.fleet().vms.map((vm) => [vm.metadata, vm.ports]);
    const before = await run(addresses, { fleetText });
    expect(await run(addresses, { fleetText })).toEqual(before);
    const taken = createServer().listen(Number(new URL(String((before[1] as string[])[0])).port), '127.0.0.1');
    await once(taken, 'listening');
    const after = await run(addresses, { fleetText });
    taken.close();
    expect(after[0]).toEqual(before[0]);
    expect(after[1]).not.toEqual(before[1]);
  });

  it('keeps the events of VMs that no fleet file has', async () => {
    const before = await run(async (emulator) => {
      await emulator.scale({ role: 'Front', instances: 4, slot: 'production' });
      await look(emulator, 'Front_IN_3');
      emulator.schedule({ type: 'Reboot', vms: ['Front_IN_3'] });
      return await look(emulator, 'Front_IN_3');
    });
    expect(await run(async (emulator) => await look(emulator, 'Front_IN_0'))).toEqual(before);
  });

  it('keeps a VM deleted, and one stopped until it is started', async () => {
    await run(async (emulator) => {
      await emulator.operate('delete', 'db1');
      await emulator.operate('powerOff', 'db2');
    });
    await run(async (emulator) => {
      expect(names(emulator)).not.toContain('db1');
      expect(emulator.fleet().vms.find((vm) => vm.name === 'db2')?.isGone).toBe(true);
      await emulator.operate('start', 'db2');
    });
    await run((emulator) => {
      expect(emulator.fleet().vms.find((vm) => vm.name === 'db2')?.isGone).toBe(false);
    });
  });

  it('goes on with a maintenance where it was, also when a domain ended as the emulator did', async () => {
    const first = await run((emulator) => {
      const begun = emulator.maintain({ target: 'Front', by: 'update-domain', type: 'Reboot' });
      return { begun, events: emulator.events() };
    });
    await run(async (emulator) => {
      expect(emulator.maintenance()).toEqual([first.begun]);
      expect(emulator.events()).toEqual(first.events);
      const [event] = emulator.events();
      emulator.start(event?.eventId ?? '');
      emulator.complete(event?.eventId ?? '');
      // As if it were killed at this very moment, before the next domain is begun.
      copyFileSync(stateFile, `${stateFile}.then`);
    });
    renameSync(`${stateFile}.then`, stateFile);
    await run(async (emulator) => {
      const [sequence] = emulator.maintenance();
      expect(sequence?.steps.map((step) => step.state)).toEqual(['over', 'under-way', 'waiting']);
      expect(emulator.events().filter((event) => event.state === 'scheduled')).toMatchObject([
        { resources: ['Front_IN_1'] },
      ]);
      emulator.cancelMaintenance('m1');
      expect(emulator.maintain({ target: 'pool', by: 'fault-domain', type: 'Freeze' }).id).toBe('m2');
    });
    await run((emulator) => {
      expect(emulator.maintenance()).toMatchObject([
        { id: 'm1', state: 'cancelled' },
        { id: 'm2', state: 'under-way' },
      ]);
    });
  });

  it('keeps faults for what is left of their time, unreachable services too', async () => {
    await run(async (emulator) => {
      await emulator.fault({ kind: 'error-500', vm: 'db1', for: '1m' });
      await emulator.fault({ kind: 'unreachable', vm: 'db2' });
      await clock.advance('20s');
    });
    await run(async (emulator) => {
      expect((await fetch(emulator.metadata('db1'))).status).toBe(500);
      await expect(fetch(emulator.metadata('db2'))).rejects.toThrow('fetch failed');
      await clock.advance('41s');
      expect((await fetch(emulator.metadata('db1'))).status).toBe(400);
      await emulator.clearFaults('db2');
    });
    await run(async (emulator) => {
      expect((await fetch(emulator.metadata('db2'))).status).toBe(400);
    });
  });

  it('keeps a stale document stale, and numbers never mean two documents', async () => {
    const stale = await run(async (emulator) => {
      await look(emulator, 'pool_0');
      await emulator.fault({ kind: 'stale-document', vm: 'pool_0' });
      emulator.schedule({ type: 'Terminate', vms: ['pool_1'] });
      return await look(emulator, 'pool_0');
    });
    await run(async (emulator) => {
      expect(await look(emulator, 'pool_0')).toEqual(stale);
      expect((await look(emulator, 'pool_1')).number).toBe(stale.number + 1);
    });
  });

  it('gives a document that lost its VM with the fleet file a number for good', async () => {
    const fleetText = FLEET.replace('instances: 2 }]\ncloud', 'instances: 1 }]\ncloud');
    expect(fleetText).not.toBe(FLEET);
    const first = await run(async (emulator) => {
      await look(emulator, 'pool_1');
      emulator.schedule({ type: 'Terminate', vms: ['pool_1'] });
      return await look(emulator, 'pool_0');
    });
    const fewer = await run(async (emulator) => await look(emulator, 'pool_0'), { fleetText });
    expect(fewer.number).toBe(first.number + 1);
    expect(await run(async (emulator) => await look(emulator, 'pool_0'))).toEqual(fewer);
  });

  it('acknowledges no fault, swap or cancelled maintenance that it cannot keep', async () => {
    await run(async (emulator) => {
      emulator.maintain({ target: 'Front', by: 'update-domain', type: 'Reboot' });
      const file = path.join(path.dirname(stateFile), 'service-2.yaml');
      await emulator.upload({ file, text: SECOND });
      const slots = emulator.service();
      const kept = readFileSync(stateFile, 'utf8');
      const folder = path.dirname(stateFile);
      renameSync(folder, `${folder}-away`);
      try {
        await expect(emulator.fault({ kind: 'drop' })).rejects.toMatchObject({ code: 'STATE_NOT_KEPT' });
        await expect(emulator.swap()).rejects.toMatchObject({ code: 'STATE_NOT_KEPT' });
        expect(() => emulator.cancelMaintenance('m1')).toThrow('cannot write the state');
        expect(() => emulator.maintain({ target: 'pool', by: 'fault-domain', type: 'Freeze' })).toThrow(
          'cannot write the state',
        );
      } finally {
        renameSync(`${folder}-away`, folder);
      }
      expect(emulator.service()).toEqual(slots);
      expect(emulator.maintenance()).toMatchObject([{ id: 'm1', state: 'under-way' }]);
      expect(readFileSync(stateFile, 'utf8')).toBe(kept);
      expect((await fetch(emulator.metadata('db1'))).status).toBe(400);
    });
  });
});
