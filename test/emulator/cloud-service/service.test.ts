import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requestJson, type JsonResponse } from '../../../common/runtime/http-json.ts';
import { systemClock } from '../../../common/runtime/clock.ts';
import { createReplacer } from '../../../emulator/cloud-service/replacer.ts';
import { parseDefinition } from '../../../emulator/cloud-service/upload.ts';
import { createPool } from '../../../emulator/cloud-service/pool.ts';
import { loadFleet, parseFleet } from '../../../emulator/fleet/load-fleet.ts';
import { startEmulator, type Emulator } from '../../../emulator/start-emulator.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const FLEET = `
control: 127.0.0.1:0
host: none
environment: { COLOUR: blue }
cloudService:
  name: shop
  roles: [{ name: Front, kind: web, instances: 2 }, { name: Back, kind: worker, instances: 1 }]
`;

let emulator: Emulator;
beforeEach(async () => {
  const fleet = parseFleet({ file: 'fleet.yaml', text: FLEET });
  emulator = await startEmulator({
    fleet,
    environment: {},
    programs: { node: '', forewarn: [] },
    clock: new FakeClock(),
  });
});
afterEach(async () => {
  await emulator.close();
});

async function call(method: 'GET' | 'POST', path: string, body?: unknown): Promise<JsonResponse> {
  const wanted = { method, path, timeoutMs: 5000, ...(body === undefined ? {} : { body }) };
  return await requestJson({ kind: 'http', url: emulator.control }, wanted, { what: 'emulator', option: '' });
}

const names = (): readonly string[] => emulator.operations.fleet().vms.map((vm) => vm.name);
const upload = async (text: string): Promise<JsonResponse> =>
  await call('POST', '/service/upload', { file: '/srv/two.yaml', text });

describe('the cloud service', () => {
  it('is scaled out and in: the highest numbers come and go, spread over the update domains', async () => {
    expect((await call('POST', '/service/scale', { role: 'FRONT', instances: 4 })).body).toMatchObject({
      slots: [{ slot: 'production', roles: [{ name: 'Front', instances: 4 }, { instances: 1 }] }],
    });
    expect(names()).toEqual(['Front_IN_0', 'Front_IN_1', 'Back_IN_0', 'Front_IN_2', 'Front_IN_3']);
    expect(emulator.operations.fleet().vms.at(-1)).toMatchObject({ updateDomain: 3, scope: 'shop' });
    await call('POST', '/service/scale', { role: 'Front', instances: 1 });
    expect(names()).toEqual(['Front_IN_0', 'Back_IN_0']);
    const metadata = emulator.vms.find((vm) => vm.name === 'Front_IN_0')?.metadata ?? '';
    const url = `${metadata}/metadata/scheduledevents?api-version=2020-07-01`;
    expect((await fetch(url, { headers: { Metadata: 'true' } })).status).toBe(200);
  });

  it('takes a deployment into the staging slot and swaps it; each stays a scope of its own', async () => {
    expect(await call('POST', '/service/swap')).toMatchObject({
      status: 409,
      body: { error: { code: 'NO_DEPLOYMENT' } },
    });
    expect((await upload('roles: [{ name: Front, kind: web, instances: 1 }]')).status).toBe(201);
    expect(names()).toContain('Front-2_IN_0');
    expect((await call('POST', '/service/swap')).body).toMatchObject({
      slots: [
        { slot: 'production', deployment: 2, scope: 'shop-2' },
        { slot: 'staging', deployment: 1, scope: 'shop' },
      ],
    });
    const event = emulator.operations.schedule({ type: 'Reboot', resources: ['Front-2_IN_0'] });
    expect(event.scope).toBe('shop-2');
    expect((await upload('roles: [{ name: Front, kind: web, instances: 1 }]')).status).toBe(201);
    expect(names()).toEqual(['Front-2_IN_0', 'Front-3_IN_0']);
  });

  it('says what is wrong with a definition, and what roles there are', async () => {
    const bad = await upload('roles: [{ name: Front, kind: desktop, instances: 0 }]');
    expect([bad.status, bad.text]).toEqual([400, expect.stringContaining('/srv/two.yaml:1: roles[0].kind')]);
    expect(bad.text).toContain('roles[0].instances');
    const unknown = await call('POST', '/service/scale', { role: 'Middle', instances: 2 });
    expect([unknown.status, unknown.text]).toEqual([404, expect.stringContaining('known: Front, Back')]);
    expect((await call('POST', '/service/scale', { role: 'Front', instances: 0 })).status).toBe(400);
  });
});

describe('the example of a cloud service', () => {
  it('is a valid fleet, and its second version a valid definition', async () => {
    const folder = fileURLToPath(new URL('../../../examples/service/', import.meta.url));
    const fleet = await loadFleet(`${folder}fleet.yaml`, {});
    expect(fleet.vms.map((found) => found.vm.name)).toEqual(['Web_IN_0', 'Web_IN_1', 'db1']);
    const text = await readFile(`${folder}service-2.yaml`, 'utf8');
    const options = { environment: {}, isServed: true };
    expect(parseDefinition({ file: `${folder}service-2.yaml`, text }, options).roles).toHaveLength(1);
    const unserved = { file: 'f.yaml', text: 'roles: [{ name: Web, kind: web, instances: 1 }]' };
    expect(() => parseDefinition(unserved, options)).toThrow('expected a role of kind web with serves and probe');
  });
});

describe('the replacement of an instance', () => {
  it('comes when its probe has failed for the whole time, and not while the platform is at work on it', async () => {
    const clock = new FakeClock();
    const replaced: string[] = [];
    let isUnderMaintenance = true;
    const replacer = createReplacer({
      clock,
      isUnderMaintenance: () => isUnderMaintenance,
      replace: async (vm) => {
        replaced.push(vm);
      },
      onError: () => {},
    });
    replacer.failed('a', 1000);
    replacer.failed('b', 0);
    replacer.failed('c', 1000);
    await clock.advance(999);
    replacer.healthy('c');
    replacer.failed('c', 1000);
    await clock.advance(1);
    expect(replaced).toEqual([]);
    isUnderMaintenance = false;
    await clock.advance(999);
    expect(replaced).toEqual(['c']);
    await clock.advance(1);
    expect(replaced).toEqual(['c', 'a']);
    replacer.failed('d', 1000);
    replacer.stop();
    await clock.advance(5000);
    expect(replaced).toEqual(['c', 'a']);
  });
});

describe('a pool', () => {
  it('says when the last flow of an instance has ended, at the latest when patience has', async () => {
    const probe = { path: '/', intervalMs: 10, threshold: 1 };
    const up = Promise.withResolvers<void>();
    const server = (await import('node:http')).createServer((_request, response) => response.end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const pool = createPool({
      probe,
      clock: systemClock,
      onChange: () => {
        up.resolve();
      },
    });
    pool.setInstances([{ vm: 'a', servesPort: port, probePort: port }]);
    await up.promise;
    const flow = { sourceAddress: '', sourcePort: 1, targetAddress: '', targetPort: 2 };
    const taken = pool.take(flow);
    pool.setInstances([]);
    expect(pool.take(flow)).toBeUndefined();
    let isDrained = false;
    const drained = pool.drained('a', 60_000).then(() => (isDrained = true));
    await pool.drained('a', 1);
    expect(isDrained).toBe(false);
    taken?.release();
    expect(await drained).toBe(true);
    await pool.close();
    server.close();
  });
});
