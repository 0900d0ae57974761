import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSchedulerSettings } from '../../scheduler/settings.ts';
import { AUTHORITY } from '../support/certificates.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

function file(text: string): { folder: string; config: string } {
  const folder = temporaryFolder();
  const config = path.join(folder, 'scheduler.yaml');
  writeFileSync(config, text);
  return { folder, config };
}

describe('the settings of the scheduler', () => {
  it('are the defaults without a file, with the store in the current folder', async () => {
    expect(await readSchedulerSettings(undefined, {}, '/data')).toMatchObject({
      listen: { host: '127.0.0.1', port: 7080 },
      hosts: new Set(),
      store: { kind: 'sqlite', file: '/data/forewarn.db' },
      replica: { name: hostname(), region: undefined },
      allowPrivate: false,
      unmanaged: new Set(),
      enrolmentRequired: false,
      access: { isOpen: true, ownerTokenFile: undefined },
      calendars: new Map(),
      logLevel: 'info',
    });
  });

  it('are read from the file, the store beside it and names canonical', async () => {
    const { folder, config } = file(
      [
        'listen: 127.0.0.1:${PORT:-7080}',
        'hosts: [Jobs.example:8443]',
        'store: { sqlite: data/scheduler.db }',
        'http: { allowPrivate: true }',
        'coordination: { unmanaged: [_Web_9] }',
        'secrets: { keyFile: keys/secrets }',
        'access: { ownerTokenFile: owner.token }',
        'log: { level: warn }',
      ].join('\n'),
    );
    expect(await readSchedulerSettings(config, { PORT: '0' }, '/elsewhere')).toMatchObject({
      listen: { host: '127.0.0.1', port: 0 },
      hosts: new Set(['jobs.example:8443']),
      store: { kind: 'sqlite', file: path.join(folder, 'data/scheduler.db') },
      replica: { name: hostname(), region: undefined },
      allowPrivate: true,
      unmanaged: new Set(['web_9']),
      enrolmentRequired: false,
      access: { isOpen: false, ownerTokenFile: path.join(folder, 'owner.token') },
      keyFile: { file: path.join(folder, 'keys/secrets'), setting: 'secrets.keyFile' },
      calendars: new Map(),
      logLevel: 'warn',
    });
  });

  it('of actions are read, a file of trusted certificates beside them', async () => {
    const { folder, config } = file(
      [
        'access: { loopback: open }',
        'http: { allow: [10.1.0.0/16, "fd00::/8", 192.168.1.7], followRedirects: 5, authority: "https://login.example", trust: ca.pem }',
        'storageQueue: { endpoint: "http://127.0.0.1:10001/{account}" }',
        'serviceBus: { amqp: "amqp://127.0.0.1:5672", rest: "https://{namespace}.bus.example" }',
      ].join('\n'),
    );
    writeFileSync(path.join(folder, 'ca.pem'), AUTHORITY);
    const { actions } = await readSchedulerSettings(config, {}, '/');
    expect(actions).toMatchObject({
      allow: [
        { network: '10.1.0.0', prefix: 16 },
        { network: 'fd00::', prefix: 8 },
        { network: '192.168.1.7', prefix: 32 },
      ],
      followRedirects: 5,
      authority: 'https://login.example',
      storageQueueEndpoint: 'http://127.0.0.1:10001/{account}',
      serviceBusAmqp: 'amqp://127.0.0.1:5672',
      serviceBusRest: 'https://{namespace}.bus.example',
    });
    expect(actions?.trust?.at(-1)).toBe(AUTHORITY.trim());
  });

  it.each([
    ['http: { allow: [169.254.169.254] }', /http\.allow.*: expected an address or range .* that is not link-local/],
    ['http: { allow: [here] }', /http\.allow/],
    ['http: { followRedirects: 11 }', /http\.followRedirects/],
    ['http: { authority: "http://login.example" }', /http\.authority: expected an https address/],
    ['http: { trust: missing.pem }', /http\.trust: cannot read .*missing\.pem/],
    ['http: { trust: scheduler.yaml }', /http\.trust: expected PEM certificates/],
    ['storageQueue: { endpoint: "ftp://a" }', /storageQueue\.endpoint: expected an address that begins with https:/],
    ['serviceBus: { amqp: "https://{namespace}" }', /serviceBus\.amqp: expected an address that begins with amqps:/],
    ['serviceBus: { rest: "https://a/b" }', /serviceBus\.rest/],
  ])('of actions are refused for %s', async (text, message) => {
    const { config } = file(`access: { loopback: open }\n${text}\n`);
    await expect(readSchedulerSettings(config, {}, '/')).rejects.toThrow(message);
  });

  it('are refused with every problem in one message', async () => {
    const { config } = file('listen: here\nstores: {}\nhttp: { allowPrivate: yes please }\nlog: { level: loud }\n');
    const refused = readSchedulerSettings(config, {}, '/');
    await expect(refused).rejects.toMatchObject({ code: 'SETTINGS_INVALID', exitStatus: 2 });
    await expect(refused).rejects.toThrow(/scheduler\.yaml:1: listen: expected an address and a port/);
    await expect(refused).rejects.toThrow(/:2: stores: expected a known key/);
    await expect(refused).rejects.toThrow(/:3: http\.allowPrivate: expected boolean, got "yes please"/);
    await expect(refused).rejects.toThrow(/:4: log\.level: /);
  });

  it.each([
    ['', /nobody access/, /access: { loopback: open } lets everybody on this machine in/],
    ['access: { loopback: token }', /nobody access/, /ownerTokenFile/],
    ['listen: "10.0.0.1:7080"', /where others can connect, and there is no owner's token/, /openssl rand/],
    ['listen: "10.0.0.1:7080"\naccess: { loopback: open }', /there is no owner's token/, /ownerTokenFile/],
    [
      'listen: "10.0.0.1:7080"\naccess: { ownerTokenFile: t }',
      /tokens must not travel in clear text/,
      /tls a certificate/,
    ],
    [
      'listen: "0.0.0.0:7080"\naccess: { ownerTokenFile: t }\ntls: { certificate: c, key: k }',
      /hosts does not say what clients call it/,
      /hosts: \[jobs\.example:7443\]/,
    ],
  ])('never let in whoever was not meant: %j', async (text, message, hint) => {
    const { config } = file(text);
    await expect(readSchedulerSettings(config, {}, '/')).rejects.toMatchObject({
      code: 'ACCESS_NOT_SET',
      exitStatus: 2,
      message: expect.stringMatching(message) as string,
      hint: expect.stringMatching(hint) as string,
    });
  });

  it.each(['{ certificate: c.pem, key: k.pem }', 'off'])(
    'serve others than this machine with an owner and tls: %s, and agents then have to enrol',
    async (tls) => {
      const { folder, config } = file(`listen: "10.0.0.1:7080"\naccess: { ownerTokenFile: t }\ntls: ${tls}\n`);
      expect(await readSchedulerSettings(config, {}, '/')).toMatchObject({
        access: { isOpen: false },
        enrolmentRequired: true,
        tls: tls === 'off' ? undefined : { certificate: path.join(folder, 'c.pem'), key: path.join(folder, 'k.pem') },
      });
    },
  );

  it('take the keys for secrets from a credential of systemd where there is one', async () => {
    const { folder, config } = file('access: { loopback: open }\nsecrets: { keyFile: own }');
    const environment = { CREDENTIALS_DIRECTORY: folder };
    expect((await readSchedulerSettings(config, environment, '/')).keyFile?.file).toBe(path.join(folder, 'own'));
    writeFileSync(path.join(folder, 'forewarn-secrets'), '');
    expect((await readSchedulerSettings(config, environment, '/')).keyFile?.file).toBe(
      path.join(folder, 'forewarn-secrets'),
    );
  });
});
