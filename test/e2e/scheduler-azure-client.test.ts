import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.ts';
import { createAuthority } from '../../emulator/credentials/authority.ts';
import { formatKeys, newKey } from '../../scheduler/secrets/key-ring.ts';
import { startForewarn, type RunningProgram } from '../support/program.ts';

/** What this test calls of Microsoft's client; its own types are older than TypeScript's strictness. */
type Call = (...parameters: unknown[]) => Promise<Record<string, never>>;
interface Client {
  readonly jobCollections: Readonly<Record<string, Call>>;
  readonly jobs: Readonly<Record<string, Call>>;
}
type ClientClass = new (credentials: object, subscription: string, url: string, options: object) => Client;

const load = createRequire(import.meta.url);
const SchedulerClient = load('azure-arm-scheduler') as ClientClass;
/** The client takes durations as objects of the library that it brings. */
const { duration } = createRequire(load.resolve('azure-arm-scheduler'))('moment') as {
  duration: (text: string) => object;
};
const TOKEN = 'an-owner-token-for-this-test';
const PASSWORD = 'correct-horse-battery-staple';

/** Microsoft's published client, as it is on npm, against a scheduler on TLS that wants a token. */
describe('the published client of Azure Scheduler', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'forewarn-client-'));
  const received: IncomingHttpHeaders[] = [];
  const target = createServer((request, response) => {
    received.push(request.headers);
    response.writeHead(request.url === '/fails' ? 503 : 200);
    response.end('done');
  });
  let program: RunningProgram;
  let client: Client;
  let targetUrl: string;
  let certificates: string;

  beforeAll(async () => {
    const authority = await createAuthority(systemClock.now());
    const { certificate, key } = await authority.issue(['localhost', '127.0.0.1']);
    const put = (name: string, text: string): void => {
      writeFileSync(path.join(folder, name), text, { mode: 0o600 });
    };
    put('server.pem', certificate);
    put('server.key', key);
    put('owner.token', TOKEN);
    put('secrets.key', formatKeys([newKey()]));
    put(
      'scheduler.yaml',
      [
        'listen: 127.0.0.1:0',
        'tls: { certificate: server.pem, key: server.key }',
        'access: { ownerTokenFile: owner.token }',
        'secrets: { keyFile: secrets.key }',
        'store: { sqlite: store.db }',
        'http: { allowPrivate: true }',
      ].join('\n'),
    );
    await new Promise<void>((resolve) => {
      target.listen(0, '127.0.0.1', resolve);
    });
    targetUrl = `http://127.0.0.1:${(target.address() as { port: number }).port}`;
    program = await startForewarn(['scheduler', '--config', path.join(folder, 'scheduler.yaml')]);
    certificates = authority.certificate;
    client = clientWith(TOKEN, certificates);
  });

  afterAll(async () => {
    await program.stop();
    target.closeAllConnections();
    await new Promise((resolve) => {
      target.close(resolve);
    });
    rmSync(folder, { recursive: true, force: true });
  });

  function clientWith(token: string, ca: string): Client {
    const credentials = {
      signRequest: (resource: { headers: Record<string, string> }, done: (error: null) => void) => {
        resource.headers['authorization'] = `Bearer ${token}`;
        done(null);
      },
    };
    return new SchedulerClient(
      credentials,
      'sub1',
      `https://127.0.0.1:${String(program.ready['listen']).split(':')[1]}`,
      {
        requestOptions: { ca },
        noRetryPolicy: true,
      },
    );
  }

  const collections = (name: string, ...parameters: unknown[]) => call(client.jobCollections, name, parameters);
  const jobs = (name: string, ...parameters: unknown[]) => call(client.jobs, name, parameters);

  async function call(group: Readonly<Record<string, Call>>, name: string, parameters: unknown[]) {
    const method = group[name];
    if (method === undefined) throw new Error(`the client has no ${name}`);
    // Its methods use `this`.
    return (await method.apply(group, parameters)) as unknown as Record<string, unknown> & { properties: never };
  }

  it('does every operation on collections', async () => {
    const created = await collections('createOrUpdate', 'rg', 'shop', {
      location: 'westus',
      tags: { team: 'a' },
      properties: {
        sku: { name: 'Standard' },
        quota: { maxJobCount: 20, maxRecurrence: { frequency: 'Minute', interval: 1 } },
      },
    });
    expect(created).toMatchObject({
      name: 'shop',
      type: 'Microsoft.Scheduler/jobCollections',
      location: 'West US',
      properties: { state: 'Enabled', sku: { name: 'Standard' }, quota: { maxJobCount: 20 } },
    });
    expect(await collections('patch', 'rg', 'shop', { tags: { owner: 'b' } })).toMatchObject({
      tags: { team: 'a', owner: 'b' },
      properties: { quota: { maxJobCount: 20 } },
    });
    expect(await collections('get', 'rg', 'shop')).toMatchObject({ name: 'shop' });
    expect(await collections('listBySubscription')).toMatchObject([{ name: 'shop' }]);
    expect(await collections('listByResourceGroup', 'rg')).toMatchObject([{ name: 'shop' }]);
    await collections('disable', 'rg', 'shop');
    expect(await collections('get', 'rg', 'shop')).toMatchObject({ properties: { state: 'Disabled' } });
    await collections('enable', 'rg', 'shop');
    expect(await collections('get', 'rg', 'shop')).toMatchObject({ properties: { state: 'Enabled' } });
    await collections('createOrUpdate', 'rg', 'gone', { location: 'westus', properties: {} });
    await collections('deleteMethod', 'rg', 'gone');
    await expect(collections('get', 'rg', 'gone')).rejects.toMatchObject({ statusCode: 404, code: 'ResourceNotFound' });
  });

  it('does every operation on jobs, and reads back times, durations and schedules', async () => {
    const startTime = new Date(systemClock.now() + 86_400_000);
    const created = await jobs('createOrUpdate', 'rg', 'shop', 'nightly', {
      properties: {
        startTime,
        action: {
          type: 'Http',
          request: {
            uri: `${targetUrl}/`,
            method: 'POST',
            body: 'hello',
            headers: { 'X-Own': 'yes' },
            authentication: { type: 'Basic', username: 'someone', password: PASSWORD },
          },
          retryPolicy: { retryType: 'Fixed', retryInterval: duration('PT1M'), retryCount: 2 },
        },
        recurrence: {
          frequency: 'Month',
          interval: 1,
          count: 100,
          schedule: { hours: [5], minutes: [0], monthlyOccurrences: [{ day: 'Friday', occurrence: -1 }] },
        },
        state: 'Enabled',
      },
    });
    expect(created).toMatchObject({
      name: 'shop/nightly',
      properties: {
        startTime,
        action: {
          type: 'Http',
          request: { headers: { 'X-Own': 'yes' }, authentication: { type: 'Basic', username: 'someone' } },
          retryPolicy: { retryCount: 2 },
        },
        recurrence: { count: 100, schedule: { monthlyOccurrences: [{ occurrence: -1 }] } },
        status: { executionCount: 0, nextExecutionTime: expect.any(Date) as Date },
      },
    });
    expect(JSON.stringify(created)).not.toContain(PASSWORD);
    expect(JSON.stringify(created)).toContain('"retryInterval":"PT1M"');
    const patched = await jobs('patch', 'rg', 'shop', 'nightly', {
      properties: { action: { request: { body: 'hi' } }, recurrence: { frequency: 'Month', count: 50 } },
    });
    expect(patched).toMatchObject({
      properties: { action: { request: { body: 'hi' } }, recurrence: { count: 50, schedule: { hours: [5] } } },
    });
    expect(await jobs('get', 'rg', 'shop', 'nightly')).toMatchObject({ name: 'shop/nightly' });
    await jobs('run', 'rg', 'shop', 'nightly');
    const history = await eventually(
      async () => (await jobs('listJobHistory', 'rg', 'shop', 'nightly')) as unknown as object[],
    );
    expect(history).toMatchObject([
      { properties: { status: 'completed', actionName: 'MainAction', startTime: expect.any(Date) as Date } },
    ]);
    // The secret that PATCH left alone reached its target.
    expect(received.at(-1)?.authorization).toBe(`Basic ${Buffer.from(`someone:${PASSWORD}`).toString('base64')}`);
    expect(received.at(-1)?.['x-own']).toBe('yes');
    await jobs('createOrUpdate', 'rg', 'shop', 'another', {
      properties: {
        startTime,
        action: { type: 'Http', request: { uri: targetUrl, method: 'GET' } },
        state: 'Disabled',
      },
    });
    expect(await jobs('list', 'rg', 'shop')).toMatchObject([{ name: 'shop/another' }, { name: 'shop/nightly' }]);
    const filter = { filter: "state eq 'Disabled'", top: 5, skip: 0 };
    expect(await jobs('list', 'rg', 'shop', filter)).toMatchObject([{ name: 'shop/another' }]);
    expect(await jobs('listJobHistory', 'rg', 'shop', 'nightly', { filter: 'status eq Failed' })).toHaveLength(0);
    await jobs('deleteMethod', 'rg', 'shop', 'another');
    await expect(jobs('get', 'rg', 'shop', 'another')).rejects.toMatchObject({
      statusCode: 404,
      code: 'NotFound',
      message: "Job 'another' cannot be found.",
    });
  });

  it('is told what it may not, and by whom it is not known', async () => {
    await expect(
      jobs('createOrUpdate', 'rg', 'shop', 'broken', {
        properties: {
          action: { type: 'Http', request: { uri: targetUrl, method: 'GET' } },
          recurrence: { frequency: 'Week', schedule: { monthDays: [1] } },
        },
      }),
    ).rejects.toMatchObject({ statusCode: 400, message: "Cannot set days of month with recurrence unit 'Week'." });
    const stranger = clientWith('not-the-token-at-all', certificates);
    await expect(call(stranger.jobCollections, 'listBySubscription', [])).rejects.toMatchObject({
      statusCode: 401,
      code: 'InvalidAuthenticationToken',
    });
  });
});

async function eventually(ask: () => Promise<object[]>): Promise<object[]> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const found = await ask();
    if (found.length > 0 || performance.now() > deadline) return found;
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
}
