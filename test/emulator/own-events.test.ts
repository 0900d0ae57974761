import { expect, it } from 'vitest';
import { parseFleet } from '../../emulator/fleet/load-fleet.ts';
import { startEmulator, type Emulator } from '../../emulator/start-emulator.ts';
import { FakeClock } from '../support/fake-clock.ts';

const GPU = '{ name: gpu, instances: 2, faultDomains: 1, instance: { size: Standard_NC6s_v3 } }';

const scopesOf = (sets: string): Readonly<Record<string, string>> =>
  parseFleet({ file: '/nowhere/fleet.yaml', text: `host: none\nscaleSets: [${sets}]\n` }).scopes;

it('makes a scope of each GPU VM of a scale set with one fault domain, and of no other', () => {
  expect(scopesOf(GPU)).toEqual({ gpu_0: 'scale-set', gpu_1: 'scale-set' });
  expect(scopesOf('{ name: cpu, instances: 2, faultDomains: 1 }')).toEqual({ cpu: 'scale-set' });
  expect(scopesOf('{ name: gpu, instances: 2, instance: { size: Standard_NC6s_v3 } }')).toEqual({ gpu: 'scale-set' });
  expect(scopesOf('{ name: cpu, instances: 1, ownEventsOnly: true }')).toEqual({ cpu_0: 'scale-set' });
});

it('refuses another scope with the name of such a VM', () => {
  const text = `host: none\nscaleSets: [${GPU}]\navailabilitySets: [{ name: GPU_1, vms: [{ name: a }] }]\n`;
  expect(() => parseFleet({ file: '/nowhere/fleet.yaml', text })).toThrow(/GPU_1|gpu_1/);
});

async function started(extra = ''): Promise<Emulator> {
  const text = `control: 127.0.0.1:0\nhost: none\n${extra}scaleSets: [${GPU}]\n`;
  return await startEmulator({
    fleet: parseFleet({ file: '/nowhere/fleet.yaml', text }),
    environment: {},
    programs: { node: '', forewarn: [] },
    clock: new FakeClock(),
  });
}

async function ask(emulator: Emulator, index: number, path: string, body?: string): Promise<Response> {
  const { metadata = '' } = emulator.vms[index] ?? {};
  return await fetch(`${metadata}/metadata/${path}`, {
    headers: { Metadata: 'true' },
    ...(body === undefined ? {} : { method: 'POST', body }),
  });
}

const EVENTS = 'scheduledevents?api-version=2020-07-01';

it('shows such a VM its own events only, lets no other approve them, and leaves it in its scale set', async () => {
  await using emulator = await started();
  for (const index of [0, 1]) await ask(emulator, index, EVENTS);
  const { eventId } = emulator.operations.schedule({ type: 'Reboot', resources: ['gpu_0'] });
  expect(await (await ask(emulator, 0, EVENTS)).json()).toMatchObject({
    DocumentIncarnation: 2,
    Events: [{ Resources: ['gpu_0'] }],
  });
  expect(await (await ask(emulator, 1, EVENTS)).json()).toEqual({ DocumentIncarnation: 1, Events: [] });
  const approval = JSON.stringify({ StartRequests: [{ EventId: eventId }] });
  expect((await ask(emulator, 1, EVENTS, approval)).status).toBe(400);
  expect((await ask(emulator, 0, EVENTS, approval)).status).toBe(200);
  expect(await (await ask(emulator, 1, 'instance/compute?api-version=2021-02-01')).json()).toMatchObject({
    name: 'gpu_1',
    vmScaleSetName: 'gpu',
  });
});

it('approves their user events by policy where the policy names the scale set', async () => {
  await using emulator = await started('rules: { autoApprove: [gpu] }\n');
  emulator.operations.schedule({ type: 'Reboot', resources: ['gpu_1'] });
  expect(await (await ask(emulator, 1, EVENTS)).json()).toMatchObject({ Events: [{ EventStatus: 'Started' }] });
});

it('takes their scale set for the target of a maintenance', async () => {
  await using emulator = await started();
  const view = emulator.operations.maintenance.begin({ target: 'gpu', by: 'fault-domain', type: 'Freeze' });
  expect(view.steps).toMatchObject([{ domain: 0, vms: ['gpu_0', 'gpu_1'] }]);
});
