import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requestJson, type JsonResponse } from '../../common/runtime/http-json.ts';
import { seededRandom } from '../../common/runtime/random.ts';
import { parseFleet } from '../../emulator/fleet/load-fleet.ts';
import type { MaintenanceView } from '../../emulator/maintenance-runner.ts';
import { startEmulator, type Emulator } from '../../emulator/start-emulator.ts';
import { FakeClock } from '../support/fake-clock.ts';

const MINUTE = 60_000;
const FLEET = `
control: 127.0.0.1:0
host: none
impact: { lingerAfterImpact: 1s }
cloudService:
  name: shop
  roles: [{ name: Front, kind: web, instances: 6 }, { name: Back, kind: worker, instances: 1 }]
`;

let emulator: Emulator;
let clock: FakeClock;
beforeEach(async () => {
  clock = new FakeClock();
  const fleet = parseFleet({ file: 'fleet.yaml', text: FLEET });
  const programs = { node: process.execPath, forewarn: [] };
  emulator = await startEmulator({ fleet, environment: {}, programs, clock, random: seededRandom(1) });
});
afterEach(async () => {
  await emulator.close();
});

async function call(method: 'GET' | 'POST', path: string, body?: unknown): Promise<JsonResponse> {
  const wanted = { method, path, timeoutMs: 5000, ...(body === undefined ? {} : { body }) };
  return await requestJson({ kind: 'http', url: emulator.control }, wanted, { what: 'emulator', option: '' });
}

function live(): readonly (readonly string[])[] {
  return emulator.operations
    .events()
    .filter((event) => event.goneAt === null)
    .map((event) => event.resources);
}

async function current(): Promise<MaintenanceView | undefined> {
  return ((await call('GET', '/maintenance')).body as { maintenance: MaintenanceView[] }).maintenance[0];
}

describe('a maintenance', () => {
  it('goes through the update domains of a role one after another, the next when the last is gone', async () => {
    const begun = await call('POST', '/maintenance', { target: 'FRONT', durationSeconds: 9 });
    expect(begun).toMatchObject({ status: 201, body: { id: 'm1', by: 'update-domain', type: 'Freeze' } });
    expect(live()).toEqual([['Front_IN_0', 'Front_IN_5']]);
    await clock.advance(15 * MINUTE + 9999);
    expect(live()).toEqual([['Front_IN_0', 'Front_IN_5']]);
    await clock.advance(1);
    expect(live()).toEqual([['Front_IN_1']]);
    for (let domain = 1; domain < 5; domain++) await clock.advance(15 * MINUTE + 10_000);
    expect(await current()).toMatchObject({ state: 'completed' });
    expect(emulator.operations.events().map((event) => event.resources[0])).toEqual([
      'Front_IN_0',
      'Front_IN_1',
      'Front_IN_2',
      'Front_IN_3',
      'Front_IN_4',
    ]);
  });

  it('by fault domain makes an event of each update domain in it, and waits for all of them', async () => {
    await call('POST', '/maintenance', { target: 'Front', by: 'fault-domain', type: 'Reboot', noticeMs: MINUTE });
    expect(live()).toEqual([['Front_IN_0'], ['Front_IN_2'], ['Front_IN_4']]);
    const [first, second] = emulator.operations.events();
    emulator.operations.cancel(first?.eventId ?? '');
    emulator.operations.cancel(second?.eventId ?? '');
    await clock.advance(0);
    expect(live()).toEqual([['Front_IN_4']]);
    await clock.advance(MINUTE + 6000);
    expect(live()).toEqual([['Front_IN_1'], ['Front_IN_3'], ['Front_IN_5']]);
  });

  it('ends when it is cancelled: what is announced is taken back, what has started goes on', async () => {
    await call('POST', '/maintenance', { target: 'shop', by: 'fault-domain', noticeMs: MINUTE });
    const [started] = emulator.operations.events();
    emulator.operations.start(started?.eventId ?? '');
    expect((await call('POST', '/maintenance/m1/cancel')).body).toMatchObject({ state: 'under-way' });
    expect(live()).toEqual([['Front_IN_0', 'Back_IN_0']]);
    await clock.advance(MINUTE);
    expect(live()).toEqual([]);
    expect(await current()).toMatchObject({ state: 'cancelled', steps: [{ state: 'over' }, { state: 'waiting' }] });
  });

  it('leaves out a VM that is gone meanwhile', async () => {
    await call('POST', '/maintenance', { target: 'Front', noticeMs: MINUTE });
    emulator.operations.schedule({ type: 'Preempt', resources: ['Front_IN_1'], entry: 'failure' });
    await clock.advance(MINUTE + 6000);
    expect(live()).toEqual([['Front_IN_2']]);
  });

  it('names the roles and scopes there are, and the maintenance there is', async () => {
    const unknown = await call('POST', '/maintenance', { target: 'Middle' });
    expect([unknown.status, unknown.text]).toEqual([404, expect.stringContaining('known: Front, shop, Back')]);
    expect((await call('POST', '/maintenance/m9/cancel')).status).toBe(404);
    expect((await call('POST', '/maintenance', { target: 'shop', type: 'Preempt' })).status).toBe(400);
  });
});
