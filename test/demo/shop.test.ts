import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeError } from '../../common/runtime/errors.ts';
import { createShop, type Shop } from '../../demo/shop.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** One server stands in for all programs: answers by route, and notes what was asked. */
let server: Server;
let routes: Record<string, unknown>;
let asked: { route: string; body: unknown }[];
let clock: FakeClock;
let shop: Shop;
const signal = new AbortController().signal;

beforeEach(async () => {
  routes = {};
  asked = [];
  server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (part: string) => (text += part));
    request.on('end', () => {
      const route = `${request.method} ${request.url?.split('?')[0]}`;
      asked.push({ route, body: text === '' ? undefined : JSON.parse(text) });
      const answer = routes[route];
      response.writeHead(answer === undefined ? 404 : 200).end(JSON.stringify(answer ?? { error: 'nothing here' }));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  clock = new FakeClock();
  shop = createShop(
    {
      queueUrl: url,
      schedulerUrl: url,
      controlUrl: url,
      publicUrl: url,
      shopFolder: fileURLToPath(new URL('../../examples/shop', import.meta.url)),
      failure: new Promise<never>(() => {}),
    },
    clock,
  );
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => {
    server.close(resolve);
  });
});

const healthy = { role: 'FrontEnd', connected: true, inRotation: true, healthy: true, reasons: [] };
const JOBS = '/subscriptions/local/resourceGroups/default/providers/Microsoft.Scheduler/jobCollections/shop';

/** Drives the clock until the promise has its end: the answers come over real sockets. */
async function whileTimePasses<Value>(promise: Promise<Value>): Promise<Value> {
  const over = new AbortController();
  const done = promise.finally(() => {
    over.abort();
  });
  done.catch(() => {});
  while (!over.signal.aborted) await clock.advance(200);
  return await done;
}

describe('the fleet as the demonstration sees it', () => {
  it('is whole when every VM is connected, in rotation, healthy and behind the public address', async () => {
    routes['GET /fleet'] = {
      vms: [
        { name: 'FrontEnd_IN_0', role: 'FrontEnd', ports: { http: 1 }, isServing: true },
        { name: 'BackEnd_IN_0', role: 'BackEnd', ports: {}, isServing: null },
      ],
    };
    routes['GET /forewarn/v1/vms'] = {
      value: [
        { name: 'FrontEnd_IN_0', ...healthy },
        { name: 'BackEnd_IN_0', ...healthy },
      ],
    };
    await shop.untilWhole(signal);
    expect(await shop.countOut('FrontEnd')).toBe(0);
  });

  it('says of every VM what keeps it out', async () => {
    routes['GET /fleet'] = {
      vms: ['a', 'b', 'c', 'd'].map((name) => ({ name, role: 'FrontEnd', ports: {}, isServing: false })),
    };
    routes['GET /forewarn/v1/vms'] = {
      value: [
        { name: 'b', ...healthy, inRotation: false, reasons: ['promised for a Reboot'] },
        { name: 'c', ...healthy, healthy: false },
        { name: 'd', ...healthy },
      ],
    };
    const outcome = await whileTimePasses(shop.untilWhole(signal).catch(describeError));
    expect(outcome).toContain('waited 60 s for every VM to be in service, in vain: ');
    expect(outcome).toContain('the agent of a is not connected to the scheduler; ');
    expect(outcome).toContain('b is out of rotation (promised for a Reboot); ');
    expect(outcome).toContain('c is not healthy; ');
    expect(outcome).toContain('the public address does not use d');
  });

  it('follows an event to its end', async () => {
    routes['POST /events'] = { eventId: 'E1' };
    const event = { eventId: 'E1', noticeMs: 30_000, noticeLeftMs: 26_000, approvals: [{ by: 'a' }] };
    routes['GET /events'] = { events: [{ ...event, state: 'started' }] };
    const wanted = { type: 'Freeze', resources: ['a'], durationSeconds: 3, description: 'x' } as const;
    const eventId = await shop.announce(wanted);
    expect(asked.at(-1)).toEqual({ route: 'POST /events', body: wanted });

    const over = shop.untilOver(eventId, signal);
    await expect.poll(() => asked.length).toBeGreaterThan(1);
    routes['GET /events'] = { events: [{ ...event, state: 'completed' }] };
    expect(await whileTimePasses(over)).toMatchObject({ noticeLeftMs: 26_000, approvals: [{ by: 'a' }] });
  });

  it('creates the collection and then the job, and waits for the first entry of its history', async () => {
    routes[`PUT ${JOBS}`] = {};
    routes[`PUT ${JOBS}/jobs/patch`] = {};
    routes[`GET ${JOBS}/jobs/patch/history`] = { value: [{ properties: { status: 'failed', message: 'why' } }] };
    expect(await shop.runJob('patch', 'patch-front-end.json', signal)).toEqual({ status: 'failed', message: 'why' });
    expect(asked.map(({ route }) => path.basename(route))).toEqual(['shop', 'patch', 'history']);
    expect(asked[1]?.body).toMatchObject({ properties: { action: { type: 'Fleet' } } });
  });

  it('counts who is out of rotation, role by role', async () => {
    routes['GET /forewarn/v1/vms'] = {
      value: [
        { name: 'a', ...healthy },
        { name: 'b', ...healthy, inRotation: false },
        { name: 'c', ...healthy, role: 'BackEnd', inRotation: false },
      ],
    };
    expect(await shop.countOut('FrontEnd')).toBe(1);
  });

  it('asks an application on a connection of its own, because a kept one would hold up the drain', async () => {
    const { port } = server.address() as AddressInfo;
    routes['GET /fleet'] = { vms: [{ name: 'a', role: 'FrontEnd', ports: { http: port }, isServing: true }] };
    routes['GET /clock'] = { pid: 1, gapMs: 50, endedAtMs: 0 };
    const connections: (string | undefined)[] = [];
    server.on('request', (request) => connections.push(request.headers.connection));
    expect(await shop.clockOf('a')).toEqual({ pid: 1, gapMs: 50, endedAtMs: 0 });
    expect(connections).toEqual(['keep-alive', 'close']);
  });

  it('passes on what a program refuses', async () => {
    const wanted = { type: 'Freeze', resources: ['a'], description: 'x' } as const;
    await expect(shop.announce(wanted)).rejects.toThrow(
      'the emulator refused POST /events: status 404 {"error":"nothing here"}',
    );
  });

  it('says what is wrong with an answer of another shape', async () => {
    routes['GET /status'] = { workers: { a: { pid: 'x' } } };
    await expect(shop.worker('a')).rejects.toThrow(/the queue answered GET \/status with something else/);
  });
});
