import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { startEmulator, steppedClock } from '../../../emulator/library.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

async function get(metadata: string, init: RequestInit = {}): Promise<Response> {
  const headers = { Metadata: 'true' };
  return await fetch(`${metadata}/metadata/scheduledevents?api-version=2020-07-01`, { ...init, headers });
}

describe('--state', () => {
  it('brings back events, numbers and approvals, and goes on where time was', async () => {
    const stateFile = path.join(temporaryFolder(), 'state.json');
    const fleetText = 'host: none\nimpact: { startAfterApproval: 1m }\nvms: [{ name: a }]';
    const clock = steppedClock();
    const first = await startEmulator({ clock, fleetText, stateFile });
    await get(first.metadata('a'));
    const { eventId } = first.schedule({ type: 'Reboot', vms: ['a'] });
    const body = JSON.stringify({ StartRequests: [{ EventId: eventId }] });
    expect((await get(first.metadata('a'), { method: 'POST', body })).status).toBe(200);
    const before = await (await get(first.metadata('a'))).text();
    await first.close();

    await using second = await startEmulator({ clock, fleetText, stateFile });
    expect(await (await get(second.metadata('a'))).text()).toBe(before);
    expect(second.events()).toMatchObject([{ eventId, state: 'approved', approvals: [{ by: 'a' }] }]);
    await clock.advance('61s');
    expect(second.events()).toMatchObject([{ state: 'impact' }]);
  });

  it('starts at once what fell due while nothing ran', async () => {
    const stateFile = path.join(temporaryFolder(), 'state.json');
    const first = await startEmulator({ clock: steppedClock(0), stateFile });
    first.schedule({ type: 'Freeze', vms: ['vm0'] });
    await first.close();
    await using second = await startEmulator({ clock: steppedClock(3_600_000), stateFile });
    expect(second.events()).toMatchObject([{ state: 'impact', startedAt: '1970-01-01T01:00:00.000Z' }]);
  });

  it('acknowledges nothing that it cannot keep, and goes on as soon as it can', async () => {
    const folder = path.join(temporaryFolder(), 'disk');
    mkdirSync(folder);
    const clock = steppedClock();
    await using emulator = await startEmulator({ clock, stateFile: path.join(folder, 'state.json') });
    const { eventId } = emulator.schedule({ type: 'Reboot', vms: ['vm0'], notice: '1m' });
    rmSync(folder, { recursive: true });
    expect(() => emulator.schedule({ type: 'Freeze', vms: ['vm0'] })).toThrow('cannot write the state');
    expect((await get(emulator.metadata('vm0'))).status).toBe(500);
    const body = JSON.stringify({ StartRequests: [{ EventId: eventId }] });
    expect((await get(emulator.metadata('vm0'), { method: 'POST', body })).status).toBe(500);
    await clock.advance('2m');
    expect(emulator.events()).toMatchObject([{ eventId, state: 'scheduled', approvals: [] }]);
    mkdirSync(folder);
    await clock.advance('1s');
    expect(emulator.events()).toMatchObject([{ eventId, state: 'impact' }]);
    expect(readdirSync(folder)).toEqual(['state.json']);
  });

  it('refuses a file of something else, and leaves it alone', async () => {
    const stateFile = path.join(temporaryFolder(), 'state.json');
    writeFileSync(stateFile, 'my thesis');
    await expect(startEmulator({ stateFile })).rejects.toMatchObject({ code: 'STATE_FILE_INVALID' });
  });
});
