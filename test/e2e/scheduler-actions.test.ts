import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { QueueSASPermissions, QueueServiceClient } from '@azure/storage-queue';
import { describe, expect, it, onTestFinished } from 'vitest';
import { actionTarget } from '../support/action-target.ts';
import { startAzurite } from '../support/azurite.ts';
import { AUTHORITY_FILE, pfx, SERVER, AUTHORITY } from '../support/certificates.ts';
import { fakeAuthority } from '../support/fake-authority.ts';
import { fakeServiceBus } from '../support/fake-service-bus.ts';
import { startForewarn } from '../support/program.ts';
import { apiOf, SHOP, type Body } from '../support/scheduler-api.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const DEADLINE_MS = 30_000;

describe('forewarn scheduler', () => {
  it('performs actions and error actions of every type, with every kind of authentication, as its settings say', async () => {
    const azurite = await startAzurite('queue');
    onTestFinished(async () => {
      await azurite.stop();
    });
    const queue = QueueServiceClient.fromConnectionString(azurite.connectionString()).getQueueClient('orders');
    await queue.create();
    const expiresOn = new Date(Date.now() + 3_600_000);
    const sas = queue.generateSasUrl({ permissions: QueueSASPermissions.parse('a'), expiresOn });
    const [bus, authority] = [await fakeServiceBus({ tls: true }), await fakeAuthority()];
    const rest = await actionTarget((_request, response) => response.writeHead(201).end());
    const target = await actionTarget((_request, response) => response.end('done'));
    const secured = await actionTarget((_request, response) => response.end('secured'), {
      ...SERVER,
      ca: AUTHORITY,
      requestCert: true,
      rejectUnauthorized: true,
    });

    const folder = temporaryFolder();
    const config = path.join(folder, 'scheduler.yaml');
    const settings = {
      access: { loopback: 'open' },
      listen: '127.0.0.1:0',
      store: { sqlite: 'store.db' },
      secrets: { keyFile: 'key' },
      http: { allow: ['127.0.0.0/8', '::1'], authority: authority.url, trust: AUTHORITY_FILE },
      storageQueue: { endpoint: `${azurite.url}/{account}` },
      serviceBus: { amqp: bus.url, rest: rest.url },
    };
    writeFileSync(config, JSON.stringify(settings));
    writeFileSync(path.join(folder, 'key'), Buffer.alloc(32, 7).toString('base64'), { mode: 0o600 });
    const program = await startForewarn(['scheduler', '--config', config]);
    onTestFinished(async () => {
      await program.stop('SIGKILL');
    });
    const listen = String(program.ready['listen']);
    const api = apiOf(`http://${listen}`);
    await api.call('put', SHOP, { location: 'West Europe' });

    const get = (uri: string, authentication?: object): Body => ({
      type: 'http',
      request: { uri, method: 'GET', ...(authentication && { authentication }) },
      retryPolicy: { retryType: 'none' },
    });
    const queueMessage = { storageAccount: 'devstoreaccount1', queueName: 'orders', sasToken: new URL(sas).search };
    const authentication = { type: 'SharedAccessKey', sasKeyName: 'Send', sasKey: 'key' };
    const serviceBus = { namespace: 'shop', authentication, message: 'text' };
    const oauth = {
      type: 'ActiveDirectoryOAuth',
      tenant: 'contoso',
      audience: 'https://a',
      clientId: authority.client.id,
    };
    const jobs: Record<string, Body> = {
      basic: get(target.url, { type: 'Basic', username: 'u', password: 'p' }),
      oauth: get(target.url, { ...oauth, secret: authority.client.secret }),
      certificate: get(secured.url, { type: 'ClientCertificate', ...pfx('old-rc2') }),
      storage: { type: 'storageQueue', queueMessage: { ...queueMessage, message: 'from storage' } },
      amqp: {
        type: 'serviceBusQueue',
        serviceBusQueueMessage: { ...serviceBus, queueName: 'q', transportType: 'amqp' },
      },
      rest: { type: 'serviceBusTopic', serviceBusTopicMessage: { ...serviceBus, topicPath: 't' } },
      failing: {
        ...get('http://127.0.0.1:1/'),
        errorAction: { type: 'storageQueue', queueMessage: { ...queueMessage, message: 'it failed' } },
      },
      self: get(`http://${listen}/forewarn/v1/health`),
    };
    for (const [name, action] of Object.entries(jobs)) {
      const { status, body } = await api.call('put', `${SHOP}/jobs/${name}`, { properties: { action } });
      expect([name, status, body]).toMatchObject([name, 201, {}]);
    }

    const history = async (name: string): Promise<Body[]> => {
      const { body } = await api.call('get', `${SHOP}/jobs/${name}/history`);
      return (body['value'] as Body[]).map((entry) => entry['properties'] as Body);
    };
    const wanted = Object.keys(jobs).map((name) => ({ name, entries: name === 'failing' ? 2 : 1 }));
    const deadline = performance.now() + DEADLINE_MS;
    let found: Record<string, Body[]> = {};
    do {
      found = Object.fromEntries(
        await Promise.all(wanted.map(async ({ name }) => [name, await history(name)] as const)),
      );
    } while (
      performance.now() < deadline &&
      wanted.some(({ name, entries }) => (found[name] ?? []).filter((entry) => 'endTime' in entry).length < entries)
    );

    for (const name of ['basic', 'oauth', 'certificate', 'storage', 'amqp', 'rest']) {
      expect([name, found[name]]).toMatchObject([name, [{ status: 'completed', actionName: 'MainAction' }]]);
    }
    expect(found['failing']).toMatchObject([
      {
        status: 'completed',
        actionName: 'ErrorAction',
        message: expect.stringMatching(/^StorageQueue Action - .*succeeded$/) as string,
      },
      { status: 'failed', actionName: 'MainAction', message: expect.stringContaining('ConnectFailure') as string },
    ]);
    expect(found['self']).toMatchObject([
      { status: 'failed', message: expect.stringContaining('where this scheduler itself listens') as string },
    ]);
    expect(target.seen.map(({ headers }) => headers.authorization ?? '').toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      `Basic ${btoa('u:p')}`,
      'Bearer token 1 for https://a/.default',
    ]);
    const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 5 });
    const texts = receivedMessageItems.map(({ messageText }) => Buffer.from(messageText, 'base64').toString('utf8'));
    expect(
      texts.map((text) => /<Region>(.*)<\/Region>\s*<Message>(.*)</.exec(text)?.slice(1).join(': ') ?? text).toSorted(),
    ).toEqual(['West Europe: from storage', 'West Europe: it failed']);
    expect(bus.messages).toMatchObject([{ address: 'q' }]);
    expect(rest.seen).toMatchObject([{ url: '/t/messages?timeout=60' }]);
    expect(await program.stop()).toBe(0);
    expect(program.output()).not.toContain('BEGIN CERTIFICATE');
  });
});
