import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { requestJson, type JsonResponse } from '../../common/runtime/http-json.ts';
import { seededRandom } from '../../common/runtime/random.ts';
import type { Activity } from '../../emulator/activity.ts';
import type { EventView } from '../../emulator/control/event-view.ts';
import { parseFleet } from '../../emulator/fleet/load-fleet.ts';
import { startEmulator, type Emulator } from '../../emulator/start-emulator.ts';
import { FakeClock } from '../support/fake-clock.ts';

const FLEET = `
control: 127.0.0.1:0
host: none
impact: { rebootAtLeast: 2s, lingerAfterImpact: 1s }
availabilitySets: [{ name: set, updateDomains: 1, vms: [{ name: web1 }, { name: web2 }] }]
vms: [{ name: db1 }]
`;

let emulator: Emulator;
let clock: FakeClock;
afterEach(async () => {
  await emulator.close();
});

async function start(): Promise<void> {
  clock = new FakeClock();
  emulator = await startEmulator({
    fleet: parseFleet({ file: 'fleet.yaml', text: FLEET }),
    environment: {},
    programs: { node: process.execPath, forewarn: [] },
    clock,
    random: seededRandom(1),
  });
}

async function call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<JsonResponse> {
  const wanted = { method, path, timeoutMs: 5000, ...(body === undefined ? {} : { body }) };
  return await requestJson({ kind: 'http', url: emulator.control }, wanted, { what: 'emulator', option: '' });
}

async function metadata(vm: string, init: { method?: string; body?: string } = {}): Promise<Response> {
  const found = emulator.vms.find((other) => other.name === vm);
  return await fetch(`${found?.metadata ?? ''}/metadata/scheduledevents?api-version=2020-07-01`, {
    ...init,
    headers: { Metadata: 'true' },
  });
}

async function documentOf(vm: string): Promise<{ DocumentIncarnation: number; Events: { EventStatus: string }[] }> {
  return (await (await metadata(vm)).json()) as Awaited<ReturnType<typeof documentOf>>;
}

describe('a whole event', () => {
  it('is announced, approved by one VM for both, hits them, and is gone', async () => {
    await start();
    expect(await documentOf('web1')).toEqual({ DocumentIncarnation: 1, Events: [] });
    const created = await call('POST', '/events', { type: 'Reboot', resources: ['WEB1', 'web2'] });
    expect(created.status).toBe(201);
    const { eventId } = created.body as EventView;
    expect(created.body).toMatchObject({
      state: 'scheduled',
      resources: ['web1', 'web2'],
      notBefore: '2026-11-20T12:15:00.000Z',
      noticeMs: 900_000,
    });
    expect(await documentOf('web2')).toMatchObject({ DocumentIncarnation: 2, Events: [{ EventStatus: 'Scheduled' }] });
    expect((await documentOf('db1')).Events).toEqual([]);

    await clock.advance(60_000);
    const approval = await metadata('web2', {
      method: 'POST',
      body: JSON.stringify({ StartRequests: [{ EventId: eventId }] }),
    });
    expect(approval.status).toBe(200);
    expect(await documentOf('web1')).toMatchObject({ Events: [{ EventStatus: 'Started' }] });
    await clock.advance(2000);
    await clock.advance(999);
    expect((await documentOf('web1')).Events).toHaveLength(1);
    await clock.advance(1);
    expect(await documentOf('web1')).toEqual({ DocumentIncarnation: 4, Events: [] });

    expect((await call('GET', '/events')).body).toMatchObject({
      events: [
        {
          eventId,
          state: 'completed',
          approvals: [{ by: 'web2', at: '2026-11-20T12:01:00.000Z' }],
          noticeLeftMs: 840_000,
          startedAt: '2026-11-20T12:01:00.000Z',
          impactEndedAt: '2026-11-20T12:01:02.000Z',
          goneAt: '2026-11-20T12:01:03.000Z',
        },
      ],
    });
  });

  it('is told to whoever watches, with what was before for who asks', async () => {
    await start();
    emulator.operations.schedule({ type: 'Freeze', resources: ['db1'], durationSeconds: 2, noticeMs: 1000 });
    const socket = new WebSocket(`${emulator.control.replace('http', 'ws')}/watch?recent=true`);
    const heard: Activity[] = [];
    const isOver = Promise.withResolvers<void>();
    socket.on('message', (data: Buffer) => {
      const activity = JSON.parse(data.toString()) as Activity;
      heard.push(activity);
      if (activity.kind === 'event.scheduled') void clock.advance(10_000);
      if (activity.kind === 'event.gone') isOver.resolve();
    });
    await isOver.promise;
    socket.terminate();
    expect(heard.map((activity) => [activity.at.slice(17, 23), activity.kind, activity.vm])).toEqual([
      ['00.000', 'event.scheduled', undefined],
      ['01.000', 'event.started', undefined],
      ['01.000', 'event.impact', undefined],
      ['01.000', 'vm.frozen', 'db1'],
      ['03.000', 'vm.thawed', 'db1'],
      ['03.000', 'event.impact-ended', undefined],
      ['04.000', 'event.gone', undefined],
    ]);
  });
});

describe('the control API', () => {
  it('cancels, starts and completes, and says why it cannot', async () => {
    await start();
    const { eventId } = emulator.operations.schedule({ type: 'Reboot', resources: ['db1'] });
    expect(await call('POST', `/events/${eventId}/complete`)).toMatchObject({
      status: 409,
      body: { error: { code: 'NOT_STARTED' } },
    });
    expect((await call('POST', `/events/${eventId.toLowerCase()}/start`)).status).toBe(204);
    expect((await call('POST', `/events/${eventId}/cancel`)).body).toMatchObject({
      error: { code: 'ALREADY_STARTED' },
    });
    expect((await call('POST', `/events/${eventId}/complete`)).status).toBe(204);
    expect(await call('POST', `/events/${eventId}/cancel`)).toMatchObject({
      status: 404,
      body: { error: { code: 'UNKNOWN_EVENT' } },
    });
  });

  it('names every problem of a body, and the VMs there are', async () => {
    await start();
    const bad = await call('POST', '/events', { type: 'Pause', resources: [], extra: 1 });
    expect(bad).toMatchObject({ status: 400, body: { error: { code: 'BAD_BODY' } } });
    for (const word of ['type', 'resources', 'extra']) expect(bad.text).toContain(word);
    const unknown = await call('POST', '/events', { type: 'Reboot', resources: ['web9'] });
    expect(unknown.status).toBe(404);
    expect(unknown.text).toContain('known: db1, web1, web2');
  });

  it('changes nothing for a request without our header, or from a page', async () => {
    await start();
    const body = '{"type":"Reboot","resources":["db1"]}';
    const headers = { 'content-type': 'application/json' };
    expect((await fetch(`${emulator.control}/events`, { method: 'POST', body, headers })).status).toBe(403);
    const own = { ...headers, 'x-forewarn': 'true', origin: 'http://evil.example' };
    expect((await fetch(`${emulator.control}/events`, { method: 'POST', body, headers: own })).status).toBe(403);
    expect(emulator.operations.events()).toEqual([]);
  });

  it('shows the fleet and its clock', async () => {
    await start();
    expect((await call('GET', '/fleet')).body).toMatchObject({
      publicAddress: null,
      vms: [{ name: 'db1', scope: 'db1', isGone: false, isServing: null }, { name: 'web1' }, { name: 'web2' }],
    });
    expect((await call('GET', '/clock')).body).toEqual({
      now: '2026-11-20T12:00:00.000Z',
      nowMs: clock.now(),
      kind: 'stepped',
    });
    expect((await call('GET', '/nothing')).status).toBe(404);
  });

  it('sets faults for one VM or all, for a while or until they are cleared', async () => {
    await start();
    expect((await call('POST', '/faults', { kind: 'error-500', vm: 'WEB1', forMs: 5000 })).status).toBe(201);
    await call('POST', '/faults', { kind: 'error-429' });
    expect([(await metadata('web1')).status, (await metadata('web2')).status]).toEqual([500, 429]);
    await clock.advance(5000);
    expect((await metadata('web1')).status).toBe(429);
    expect((await call('DELETE', '/faults')).status).toBe(204);
    expect((await metadata('web1')).status).toBe(200);
    expect((await call('POST', '/faults', { kind: 'error-418' })).status).toBe(400);
    expect((await call('POST', '/faults', { kind: 'drop', vm: 'web9' })).status).toBe(404);
  });

  it('takes a metadata service off the network and puts it back', async () => {
    await start();
    await call('POST', '/faults', { kind: 'unreachable', vm: 'web1', forMs: 5000 });
    await expect(metadata('web1')).rejects.toThrow('fetch failed');
    expect((await metadata('web2')).status).toBe(200);
    await clock.advance(5000);
    expect((await metadata('web1')).status).toBe(200);
  });
});

describe('starting', () => {
  it('fails on a port in use with a message that names it, and leaves nothing open', async () => {
    await start();
    const taken = emulator.vms[0]?.metadata.replace('http://', '') ?? '';
    const fleet = parseFleet({
      file: 'f.yaml',
      text: `control: 127.0.0.1:0\nhost: none\nvms: [{ name: a, metadata: "${taken}" }]`,
    });
    await expect(
      startEmulator({ fleet, environment: {}, programs: { node: '', forewarn: [] }, clock }),
    ).rejects.toMatchObject({ code: 'LISTEN_FAILED', message: expect.stringContaining(taken) as string });
  });
});
