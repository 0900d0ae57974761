import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatKeys, newKey } from '../../../scheduler/secrets/key-ring.ts';
import { runningScheduler } from '../../support/running-scheduler.ts';
import { apiOf, errorOf, job, LATER, propertiesOf, SHOP, type Api, type Body } from '../../support/scheduler-api.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { pfx } from '../../support/certificates.ts';

/** The API of a scheduler that keeps secrets, with the collection Shop; `bytes` is its whole database. */
async function withSecrets(): Promise<Api & { readonly bytes: () => string }> {
  const folder = temporaryFolder();
  const file = path.join(folder, 'key');
  writeFileSync(file, formatKeys([newKey()]));
  const store = path.join(folder, 'store.db');
  const { url } = await runningScheduler({
    store: { kind: 'sqlite', file: store },
    keyFile: { file, setting: 'secrets.keyFile' },
  });
  const api = apiOf(url);
  await api.call('put', SHOP, { location: 'West US' });
  const read = (name: string): string => {
    try {
      return readFileSync(name, 'latin1');
    } catch {
      return '';
    }
  };
  return { ...api, bytes: () => read(store) + read(`${store}-wal`) };
}

const JOB = `${SHOP}/jobs/j`;

const storageQueue: Body = {
  storageAccount: 'shop',
  queueName: 'orders',
  sasToken: 'sv=2020&sig=HUNTER2',
  message: 'text',
};

const serviceBus: Body = {
  namespace: 'shop',
  transportType: 'NetMessaging',
  authentication: { type: 'SharedAccessKey', sasKeyName: 'Send', sasKey: 'HUNTER2' },
  message: 'text',
};

const request = (authentication: Body): Body => ({ uri: 'https://shop.example/', method: 'GET', authentication });

const oauth: Body = {
  type: 'activedirectoryoauth',
  tenant: 'contoso.onmicrosoft.com',
  audience: 'https://management.core.windows.net/',
  clientId: 'id',
  secret: 'HUNTER2',
};

describe('a job with secrets', () => {
  it.each([
    [
      'a storage queue',
      { type: 'storagequeue', queueMessage: storageQueue },
      { type: 'StorageQueue', queueMessage: { storageAccount: 'shop', queueName: 'orders', message: 'text' } },
    ],
    [
      'a Service Bus queue',
      {
        type: 'serviceBusQueue',
        serviceBusQueueMessage: {
          ...serviceBus,
          queueName: 'q1',
          brokeredMessageProperties: { timeToLive: 'PT1M', label: null },
          customMessageProperties: { appName: 'a' },
        },
      },
      {
        type: 'ServiceBusQueue',
        serviceBusQueueMessage: {
          namespace: 'shop',
          transportType: 'netMessaging',
          authentication: { type: 'sharedAccessKey', sasKeyName: 'Send' },
          message: 'text',
          queueName: 'q1',
          brokeredMessageProperties: { timeToLive: '00:01:00' },
          customMessageProperties: { appName: 'a' },
        },
      },
    ],
    [
      'a Service Bus topic',
      { type: 'ServiceBusTopic', serviceBusTopicMessage: { ...serviceBus, transportType: 'AMQP', topicPath: 't1' } },
      {
        type: 'ServiceBusTopic',
        serviceBusTopicMessage: {
          namespace: 'shop',
          transportType: 'amqp',
          authentication: { type: 'sharedAccessKey', sasKeyName: 'Send' },
          message: 'text',
          topicPath: 't1',
        },
      },
    ],
    [
      'OAuth',
      { type: 'https', request: request(oauth) },
      {
        type: 'Https',
        request: request({
          type: 'ActiveDirectoryOAuth',
          tenant: oauth['tenant'],
          audience: oauth['audience'],
          clientId: 'id',
        }),
      },
    ],
    [
      'a secret in its error action',
      {
        type: 'http',
        request: { uri: 'http://a/', method: 'GET' },
        errorAction: {
          type: 'storageQueue',
          queueMessage: storageQueue,
          retryPolicy: { retryType: 'Fixed', retryCount: 2 },
        },
      },
      {
        type: 'Http',
        request: { uri: 'http://a/', method: 'GET' },
        errorAction: {
          type: 'StorageQueue',
          queueMessage: { storageAccount: 'shop', queueName: 'orders', message: 'text' },
          retryPolicy: { retryType: 'fixed', retryCount: 2 },
        },
      },
    ],
  ] as const)(
    '(%s) is shown without them, takes back what it shows, and is nowhere in the database in the clear',
    async (_what, action, shown) => {
      const api = await withSecrets();
      const put = await api.call('put', JOB, job({ action }));
      expect([put.status, propertiesOf(put.body)['action']]).toEqual([201, shown]);
      const got = await api.call('get', JOB);
      expect(JSON.stringify(got.body)).not.toContain('HUNTER2');
      const patched = await api.call('patch', JOB, { properties: propertiesOf(got.body) });
      expect([patched.status, propertiesOf(patched.body)['action']]).toEqual([200, shown]);
      const again = await api.call('put', JOB, got.body);
      expect([again.status, errorOf(again.body).message]).toEqual([400, expect.stringContaining('it is a secret')]);
      expect(api.bytes()).toContain('Standard');
      expect(api.bytes()).not.toContain('HUNTER2');
    },
  );

  it('(a client certificate) shows thumbprint, subject and expiry, which only another certificate changes', async () => {
    const api = await withSecrets();
    const authentication = { type: 'clientcertificate', ...pfx('old-rc2') };
    const put = await api.call('put', JOB, job({ action: { type: 'https', request: request(authentication) } }));
    const shown = {
      type: 'ClientCertificate',
      certificateThumbprint: '35E64AEF43190AD110C6958E74B3EDB2B4D8E868',
      certificateSubjectName: 'CN=Scheduler Mgmt, O=Shop, C=DE',
      certificateExpiration: '2126-10-27T11:58:08Z',
      certificateExpirationDate: '2126-10-27T11:58:08Z',
    };
    const authenticationOf = (body: Body): unknown =>
      ((propertiesOf(body)['action'] as Body)['request'] as Body)['authentication'];
    expect([put.status, authenticationOf(put.body)]).toEqual([201, shown]);
    const change = (fields: Body): Body => ({ properties: { action: { request: { authentication: fields } } } });
    const forged = await api.call('patch', JOB, change({ certificateThumbprint: 'FORGED', certificate: 'x' }));
    expect([forged.status, authenticationOf(forged.body)]).toEqual([200, shown]);
    const other = await api.call('patch', JOB, change(pfx('elliptic')));
    expect(authenticationOf(other.body)).toMatchObject({ certificateSubjectName: 'CN=Elliptic client' });
    expect(api.bytes()).not.toContain('PRIVATE KEY');
    const removed = await api.call('patch', JOB, { properties: { action: { request: { authentication: null } } } });
    expect([removed.status, authenticationOf(removed.body)]).toEqual([200, undefined]);
  });

  it('that becomes one of another type by PATCH keeps its policies, and nothing of the old type', async () => {
    const api = await withSecrets();
    const retryPolicy = { retryType: 'none' };
    await api.call('put', JOB, job({ action: { type: 'https', request: request(oauth), retryPolicy } }));
    const action = { type: 'StorageQueue', queueMessage: storageQueue };
    const patched = await api.call('patch', JOB, { properties: { action } });
    expect([patched.status, propertiesOf(patched.body)]).toMatchObject([
      200,
      { startTime: LATER, action: { type: 'StorageQueue', retryPolicy } },
    ]);
    expect(propertiesOf(patched.body)['action']).not.toHaveProperty('request');
  });
});

describe('a job', () => {
  const queue = (change: Body): Body => ({ type: 'StorageQueue', queueMessage: { ...storageQueue, ...change } });
  const bus = (change: Body): Body => ({
    type: 'ServiceBusQueue',
    serviceBusQueueMessage: { ...serviceBus, queueName: 'q', ...change },
  });
  const signedIn = (authentication: Body): Body => ({ type: 'Https', request: request(authentication) });

  it.each<[string, Body, string]>([
    ['an account that is none', queue({ storageAccount: 'evil.example/' }), 'queueMessage.storageAccount'],
    ['a queue that is none', queue({ queueName: 'a--b' }), 'queueMessage.queueName'],
    ['control characters in a message', queue({ message: '\u0001' }), 'queueMessage.message'],
    ['a message that is too long', queue({ message: 'x'.repeat(8193) }), 'queueMessage.message'],
    ['a token that is no text', queue({ sasToken: 5 }), 'queueMessage.sasToken'],
    ['a namespace that is none', bus({ namespace: 'a.example' }), 'serviceBusQueueMessage.namespace'],
    ['a path that climbs', bus({ queueName: 'a/../b' }), 'serviceBusQueueMessage.queueName'],
    ['a transport that is none', bus({ transportType: 'smtp' }), 'serviceBusQueueMessage.transportType'],
    [
      'no key',
      bus({ authentication: { type: 'SharedAccessKey', sasKeyName: 'a' } }),
      'serviceBusQueueMessage.authentication.sasKey',
    ],
    [
      'a time to live that is none',
      bus({ brokeredMessageProperties: { timeToLive: '1' } }),
      'brokeredMessageProperties.timeToLive',
    ],
    ['a property that HTTP has', bus({ customMessageProperties: { Authorization: 'x' } }), 'customMessageProperties'],
    ['particulars of another type', { ...queue({}), request: { uri: 'http://a/', method: 'GET' } }, 'request'],
    ['an unknown authentication', signedIn({ type: 'Digest' }), 'request.authentication.type'],
    [
      'a field of another authentication',
      signedIn({ type: 'Basic', username: 'a', password: 'b', tenant: 'c' }),
      'request.authentication',
    ],
    ['a tenant that leads elsewhere', signedIn({ ...oauth, tenant: '../x' }), 'request.authentication.tenant'],
    [
      'a PFX file with a wrong password',
      signedIn({ type: 'ClientCertificate', pfx: pfx('old-rc2').pfx, password: 'HUNTER3' }),
      'request.authentication.pfx',
    ],
    [
      'a PFX file without a password',
      signedIn({ type: 'ClientCertificate', pfx: 'AAAA' }),
      'request.authentication.password',
    ],
    ['a certificate without a PFX file', signedIn({ type: 'ClientCertificate' }), 'request.authentication.pfx'],
    [
      'a password in its address',
      { type: 'Http', request: { uri: 'http://a:HUNTER2@b/', method: 'GET' } },
      'request.uri',
    ],
    ...[
      { 'Transfer-Encoding': 'chunked' },
      { connection: 'upgrade' },
      { A: '\u0001' },
      { A: 'Ω' },
      { 'Content-Length': '7' },
    ].map((headers): [string, Body, string] => [
      `the headers ${JSON.stringify(headers)}`,
      { type: 'Http', request: { uri: 'http://a/', method: 'POST', body: 'x', headers } },
      'request.headers',
    ]),
    ['a tunnel', { type: 'Http', request: { uri: 'http://a/', method: 'Connect' } }, 'request.method'],
  ])('with %s is refused by a message that names the field', async (_what, action, field) => {
    const api = await withSecrets();
    const { status, body } = await api.call('put', JOB, job({ action }));
    expect([status, errorOf(body).message]).toEqual([
      400,
      expect.stringContaining(
        `properties.action.${field.replace(/^brokered|^custom/, (start) => `serviceBusQueueMessage.${start}`)}'`,
      ),
    ]);
    expect(errorOf(body).message).not.toMatch(/HUNTER3/);
  });
});
