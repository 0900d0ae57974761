import { describe, expect, it } from 'vitest';
import { requestJson } from '../../common/runtime/http-json.ts';
import { startEmulator, steppedClock } from '../../emulator/library.ts';

const naming = { what: 'emulator', option: '' };

async function events(metadata: string): Promise<{ EventId: string; EventStatus: string }[]> {
  const answer = await fetch(`${metadata}/metadata/scheduledevents?api-version=2020-07-01`, {
    headers: { Metadata: 'true' },
  });
  return ((await answer.json()) as { Events: { EventId: string; EventStatus: string }[] }).Events;
}

describe('the emulator as a library', () => {
  it('lets fifteen minutes of notice pass by command', async () => {
    const clock = steppedClock();
    await using emulator = await startEmulator({ clock });
    const { eventId } = emulator.schedule({ type: 'Freeze', vms: ['VM0'] });
    expect(await events(emulator.metadata('vm0'))).toMatchObject([{ EventId: eventId, EventStatus: 'Scheduled' }]);
    await clock.advance('14m59s');
    expect(emulator.events()).toMatchObject([{ state: 'scheduled' }]);
    await emulator.advance('1s');
    expect(await events(emulator.metadata('vm0'))).toMatchObject([{ EventStatus: 'Started' }]);
    await emulator.advance(60_000);
    expect(emulator.events()).toMatchObject([{ state: 'completed' }]);
    expect(emulator.now()).toBe(clock.now());
  });

  it('has the verbs of the command line, and tells what happens', async () => {
    await using emulator = await startEmulator({ fleetText: 'host: none\nvms: [{ name: a }, { name: b }]' });
    const seen: string[] = [];
    const stop = emulator.watch(({ kind }) => seen.push(kind));
    emulator.cancel(emulator.schedule({ type: 'Reboot', vms: ['a'], notice: '30s' }).eventId);
    await emulator.fault({ kind: 'error-500', vm: 'a', for: '10s' });
    await emulator.clearFaults();
    stop();
    emulator.schedule({ type: 'Reboot', vms: ['b'] });
    expect(seen).toEqual(['event.scheduled', 'event.cancelled', 'fault.set', 'fault.cleared']);
    expect(emulator.fleet().vms.map((vm) => vm.name)).toEqual(['a', 'b']);
    expect(() => emulator.metadata('c')).toThrow('known: a, b');
    expect(() => emulator.schedule({ type: 'Reboot', vms: ['a'], notice: 'soon' })).toThrow('expected a duration');
  });

  it('maintains, scales and swaps the cloud service', async () => {
    const roles = '[{ name: Web, kind: web, instances: 2 }]';
    const fleetText = `host: none\ncloudService: { name: shop, roles: ${roles} }`;
    await using emulator = await startEmulator({ fleetText, clock: steppedClock() });
    const { id, steps } = emulator.maintain({ target: 'Web', notice: '1m' });
    expect(steps.map((step) => step.state)).toEqual(['under-way', 'waiting']);
    expect(emulator.cancelMaintenance(id).state).toBe('cancelled');
    await emulator.scale({ role: 'Web', instances: 3 });
    await emulator.upload({ file: 'two.yaml', text: `roles: ${roles}` });
    await emulator.swap();
    expect(emulator.service().map((slot) => [slot.slot, slot.deployment, slot.roles[0]?.instances])).toEqual([
      ['production', 2, 2],
      ['staging', 1, 3],
    ]);
    expect(emulator.compute).toBeUndefined();
  });

  it('plays VMs and their users', async () => {
    const fleetText = 'host: none\nscaleSets: [{ name: set, instances: 2 }]\nvms: [{ name: a }]';
    await using emulator = await startEmulator({ fleetText, clock: steppedClock() });
    const restart = await emulator.operate('restart', 'A');
    expect(restart).toMatchObject({ type: 'Reboot', source: 'User', resources: ['a'] });
    emulator.approve(restart?.eventId ?? '', 'a');
    expect(emulator.events().at(-1)).toMatchObject({ approvals: [{ by: 'a' }] });
    expect(await emulator.operate('delete', 'set_1')).toMatchObject({ type: 'Terminate' });
    expect(await emulator.operate('delete', 'a')).toBeUndefined();
    expect(emulator.fleet().vms.map((vm) => vm.name)).toEqual(['set_0', 'set_1']);
    await expect(emulator.operate('restart', 'a')).rejects.toMatchObject({ code: 'UNKNOWN_VM' });
    await expect(emulator.swap()).rejects.toMatchObject({ code: 'NO_SERVICE' });
  });

  it('moves no real clock, and says what to do instead', async () => {
    await using emulator = await startEmulator();
    await expect(emulator.advance('15m')).rejects.toMatchObject({ code: 'CLOCK_IS_REAL' });
    const wanted = { method: 'POST', path: '/clock', body: { advanceMs: 1 }, timeoutMs: 5000 } as const;
    const answer = await requestJson({ kind: 'http', url: emulator.control }, wanted, naming);
    expect(answer).toMatchObject({ status: 409, body: { error: { code: 'CLOCK_IS_REAL' } } });
  });

  it('moves a stepped clock through the control API too', async () => {
    await using emulator = await startEmulator({ clock: steppedClock(0) });
    const at = { kind: 'http', url: emulator.control } as const;
    const wanted = { method: 'POST', path: '/clock', timeoutMs: 5000 } as const;
    const answer = await requestJson(at, { ...wanted, body: { advanceMs: 900_000 } }, naming);
    expect(answer.body).toEqual({ now: '1970-01-01T00:15:00.000Z', nowMs: 900_000, kind: 'stepped' });
    expect((await requestJson(at, { ...wanted, body: { advanceMs: -1 } }, naming)).status).toBe(400);
  });

  it('never steps over processes, which go on in real time', async () => {
    const fleetText = 'host: process\nvms: [{ name: a }]';
    await expect(startEmulator({ fleetText, clock: steppedClock() })).rejects.toMatchObject({
      code: 'STEPPED_PROCESSES',
    });
  });

  it('refuses two fleets, and a control API beyond loopback', async () => {
    await expect(startEmulator({ fleetText: '', fleetFile: '' })).rejects.toMatchObject({ code: 'TWO_FLEETS' });
    await expect(startEmulator({ control: '0.0.0.0:0' })).rejects.toMatchObject({ code: 'BAD_ADDRESS' });
  });
});
