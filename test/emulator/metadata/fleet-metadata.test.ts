import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { nextTurn } from '../../../common/runtime/clock.ts';
import { seededRandom } from '../../../common/runtime/random.ts';
import { loadFleet, parseFleet } from '../../../emulator/fleet/load-fleet.ts';
import { startEmulator, type Emulator } from '../../../emulator/start-emulator.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** Knows how many timers were set for a first call. */
class CountingClock extends FakeClock {
  firstCalls = 0;

  override after(ms: number, callback: () => void): () => void {
    if (ms === 120_000) this.firstCalls++;
    return super.after(ms, callback);
  }
}

let emulator: Emulator;
let clock: CountingClock;
afterEach(async () => {
  await emulator.close();
});

async function start(metadata: string, vms = '[{ name: db1 }]'): Promise<void> {
  clock = new CountingClock();
  emulator = await startEmulator({
    fleet: parseFleet({
      file: 'fleet.yaml',
      text: `control: 127.0.0.1:0\nhost: none\nmetadata: ${metadata}\nvms: ${vms}`,
    }),
    environment: {},
    programs: { node: process.execPath, forewarn: [] },
    clock,
    random: seededRandom(1),
  });
}

async function ask(version = '2020-07-01'): Promise<Response> {
  const url = `${emulator.vms[0]?.metadata ?? ''}/metadata/scheduledevents?api-version=${version}`;
  return await fetch(url, { headers: { Metadata: 'true' } });
}

async function incarnation(): Promise<unknown> {
  return ((await (await ask()).json()) as { DocumentIncarnation: number }).DocumentIncarnation;
}

describe('the metadata settings of a fleet file', () => {
  it('limit what one VM may ask in a second', async () => {
    await start('{ requestsPerSecond: 2 }', '[{ name: db1 }, { name: db2 }]');
    expect((await ask()).status).toBe(200);
    expect((await ask()).status).toBe(200);
    const refused = await ask();
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBeNull();
    const other = `${emulator.vms[1]?.metadata ?? ''}/metadata/versions`;
    expect((await fetch(other, { headers: { Metadata: 'true' } })).status).toBe(200);
    await clock.advance(500);
    expect((await ask()).status).toBe(200);
  });

  const askIdentity = async (): Promise<Response> =>
    await fetch(`${emulator.vms[0]?.metadata ?? ''}/Metadata/identity/info?api-version=2018-02-01`, {
      headers: { Metadata: 'true' },
    });

  it('limit tokens by a rate of their own', async () => {
    await start('{ requestsPerSecond: 1, tokensPerSecond: 3 }');
    const statuses: number[] = [];
    for (let asked = 0; asked < 4; asked++) statuses.push((await askIdentity()).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    expect(await (await askIdentity()).json()).toMatchObject({ error: 'too_many_requests' });
    expect((await ask()).status).toBe(200);
    await clock.advance(400);
    expect((await askIdentity()).status).toBe(200);
  });

  it('limit how many requests for tokens may wait at once, which is five in Azure', async () => {
    await start('{}');
    await emulator.operations.setFault({ kind: 'latency', latencyMs: 3000 });
    const waiting = Array.from({ length: 6 }, askIdentity);
    // The one too many is the only one that is answered before its time.
    expect((await Promise.race(waiting)).status).toBe(429);
    expect((await askIdentity()).status).toBe(429);
    await clock.advance(3000);
    const statuses = (await Promise.all(waiting)).map((answer) => answer.status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(5);
    await emulator.operations.clearFaults();
    expect((await askIdentity()).status).toBe(200);
  });

  it('refuse versions that the region does not have', async () => {
    await start('{ refuseVersions: [2017-11-01] }');
    expect((await ask('2017-11-01')).status).toBe(400);
    expect((await ask('2017-08-01')).status).toBe(200);
  });

  it('let the first request of a scope wait, and only that one', async () => {
    await start('{ firstCallDelay: 2m }');
    let isAnswered = false;
    const first = incarnation().then((found) => {
      isAnswered = true;
      return found;
    });
    // The request has arrived once the service has set its timer; a second client asks in the meantime.
    const second = incarnation();
    while (clock.firstCalls < 2) await nextTurn();
    await clock.advance(119_999);
    expect(isAnswered).toBe(false);
    await clock.advance(1);
    expect(await first).toBe(1);
    expect(await second).toBe(1);
    expect(await incarnation()).toBe(1);
  });

  it('disable a scope that has not asked, so that its incarnation starts again', async () => {
    await start('{ disableAfter: 1h }');
    expect(await incarnation()).toBe(1);
    const wanted = { type: 'Reboot', resources: ['db1'], noticeMs: 86_400_000 } as const;
    emulator.operations.schedule(wanted);
    expect(await incarnation()).toBe(2);
    await clock.advance(3_600_000);
    expect(await incarnation()).toBe(1);
  });

  it.each([
    ['{ requestsPerSecond: -1 }', 'metadata.requestsPerSecond'],
    ['{ concurrentTokens: -1 }', 'metadata.concurrentTokens'],
    ['{ firstCallDelay: 3m }', 'expected at most 2m'],
    ['{ disableAfter: 1s }', 'expected at least 1m'],
    ['{ refuseVersions: [2016-01-01] }', 'expected an api-version that there is'],
  ])('are refused when they make no sense: %s', async (metadata, message) => {
    await start('{}');
    await emulator.close();
    await expect(start(metadata)).rejects.toThrow(message);
  });
});

it('says of a VM what its fleet file says', async () => {
  await start(
    '{}',
    '[{ name: db1, instance: { size: Standard_D4s_v5, priority: Spot, dataDisks: [{ name: d, sizeGB: 8 }] } }]',
  );
  const url = `${emulator.vms[0]?.metadata ?? ''}/metadata/instance/compute?api-version=2025-04-07`;
  expect(await (await fetch(url, { headers: { Metadata: 'true' } })).json()).toMatchObject({
    name: 'db1',
    vmSize: 'Standard_D4s_v5',
    priority: 'Spot',
    storageProfile: { dataDisks: [{ name: 'd', diskSizeGB: '8', lun: '0' }] },
  });
});

it('tells an instance of a cloud service how the public address leads to it, and a worker that none does', async () => {
  clock = new CountingClock();
  emulator = await startEmulator({
    fleet: parseFleet({
      file: 'fleet.yaml',
      text: `control: 127.0.0.1:0
host: none
cloudService:
  name: shop
  publicAddress: 127.0.0.1:0
  roles:
    - { name: Front, kind: web, instances: 1, ports: [http], serves: http, probe: { port: http } }
    - { name: Back, kind: worker, instances: 1 }`,
    }),
    environment: {},
    programs: { node: process.execPath, forewarn: [] },
    clock,
  });
  const answers = await Promise.all(
    emulator.vms.map(async ({ metadata }) => {
      const url = `${metadata}/metadata/loadbalancer?api-version=2020-10-01`;
      return await fetch(url, { headers: { Metadata: 'true' } });
    }),
  );
  expect(answers.map((answer) => answer.status)).toEqual([200, 404]);
  const frontendPort = Number(new URL(emulator.publicAddress ?? '').port);
  const backendPort = emulator.vms[0]?.ports['http'];
  expect(await answers[0]?.json()).toMatchObject({
    loadbalancer: { inboundRules: [{ frontendIpAddress: '127.0.0.1', protocol: 'tcp', frontendPort, backendPort }] },
  });
});

it('of the example file are accepted', async () => {
  const file = fileURLToPath(new URL('../../../examples/metadata/fleet.yaml', import.meta.url));
  const fleet = await loadFleet(file, {});
  expect(fleet.metadata).toMatchObject({ requestsPerSecond: 5, identities: ['deploy'] });
  expect(fleet.vms[0]?.profile).toMatchObject({ priority: 'Spot', security: { type: 'TrustedLaunch' } });
  await start('{}');
});
