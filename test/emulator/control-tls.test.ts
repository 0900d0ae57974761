import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { networkInterfaces, tmpdir } from 'node:os';
import path from 'node:path';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandContext } from '../../common/runtime/command.ts';
import { listEvents, schedule } from '../../emulator/client/verbs.ts';
import { watchControl } from '../../emulator/client/watch-control.ts';
import { createAuthority } from '../../emulator/credentials/authority.ts';
import { parseFleet } from '../../emulator/fleet/load-fleet.ts';
import { startEmulator, type Emulator } from '../../emulator/start-emulator.ts';

const TOKEN = '0123456789abcdef0123456789abcdef';
const printed: string[] = [];
const context = (environment: Record<string, string> = {}): CommandContext => ({
  environment,
  cliFile: '',
  terminal: { print: (text) => printed.push(text), printError: () => {}, hasColor: false },
});

let folder: string;
let emulator: Emulator;

const file = (name: string): string => path.join(folder, name);

async function start(text: string): Promise<Emulator> {
  const fleet = parseFleet({ file: file('fleet.yaml'), text: `${text}\nhost: none\nvms: [{ name: vm0 }]` });
  return await startEmulator({ fleet, environment: {}, programs: { node: '', forewarn: [] } });
}

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'forewarn-control-'));
  writeFileSync(file('token'), TOKEN, { mode: 0o600 });
  // Only loopback is asked below: a wildcard is the one address beyond loopback that every machine has.
  emulator = await start(
    'control: 0.0.0.0:0\ncontrolToken: { file: token }\ncontrolTls: { caFile: ca.pem }\ncontrolHosts: ["emulator.test:8000"]',
  );
});
afterAll(async () => {
  await emulator.close();
  rmSync(folder, { recursive: true, force: true });
});

const port = (): string => new URL(emulator.control).port;
const at = (): string => `https://127.0.0.1:${port()}`;

/** Status of `GET /fleet`, asked under a name that the certificate must have. */
async function ask(name: string, headers: Record<string, string> = {}): Promise<number> {
  return await new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: port(),
      path: '/fleet',
      ca: readFileSync(file('ca.pem')),
      servername: '',
      checkServerIdentity: (_host: string, peer: PeerCertificate) =>
        checkServerIdentity(name.replaceAll(/[[\]]/g, ''), peer),
      agent: false as const,
      headers: { authorization: `Bearer ${TOKEN}`, host: `${name}:${port()}`, ...headers },
    };
    const outgoing = request(options, (response) => {
      response.resume();
      response.on('end', () => {
        resolve(response.statusCode ?? 0);
      });
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

describe('the control API on TLS', () => {
  it('is used with the certificate of its authority, by option or environment, and watched', async () => {
    expect(emulator.control).toMatch(/^https:/);
    const tokenFile = file('token');
    await schedule(context(), { type: 'Freeze', vms: ['vm0'] }, { control: at(), tokenFile, ca: file('ca.pem') });
    await listEvents(context({ FOREWARN_CA: file('ca.pem'), FOREWARN_CONTROL: at() }), { tokenFile });
    expect(printed).toEqual([expect.stringContaining('Freeze of vm0'), expect.stringContaining('vm0')]);
    const ca = readFileSync(file('ca.pem'), 'utf8');
    const watching = watchControl({ url: at(), token: TOKEN, ca }, { isRecent: true }, () => {});
    await watching.opened;
    watching.stop();
    await watching.ended;
  });

  it('is not used without, and answers nothing to plain HTTP', async () => {
    const tokenFile = file('token');
    await expect(listEvents(context(), { control: at(), tokenFile })).rejects.toMatchObject({
      code: 'SERVER_UNREACHABLE',
      hint: expect.stringContaining('--ca FILE') as string,
    });
    await expect(listEvents(context(), { control: at().replace('https', 'http'), tokenFile })).rejects.toMatchObject({
      code: 'SERVER_UNREACHABLE',
    });
    const watching = watchControl({ url: at(), token: TOKEN }, { isRecent: false }, () => {});
    await expect(watching.opened).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
  });

  it.each([
    [undefined, 'cannot read'],
    ['my thesis', 'expected a certificate as PEM'],
  ])('says what is wrong with --ca when the file is %j', async (text, message) => {
    if (text !== undefined) writeFileSync(file('wrong.pem'), text);
    const ca = file(text === undefined ? 'missing.pem' : 'wrong.pem');
    await expect(listEvents(context(), { control: at(), ca })).rejects.toThrow(message);
  });

  it('is certified for every name and address that it is known by', async () => {
    const own = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
    const literal = own.map(({ address, family }) => (family === 'IPv6' ? `[${address}]` : address));
    for (const name of ['localhost', ...literal.filter((address) => !address.includes('%'))]) {
      expect(await ask(name), name).toBe(200);
    }
    expect(await ask('emulator.test', { host: 'emulator.test:8000' })).toBe(200);
    await expect(ask('attacker.test')).rejects.toThrow('altnames');
  });

  it('accepts pages of its own origin on TLS only', async () => {
    const host = `localhost:${port()}`;
    expect(await ask('localhost', { origin: `https://${host}` })).toBe(200);
    expect(await ask('localhost', { origin: `http://${host}` })).toBe(403);
  });
});

describe('controlTls', () => {
  it('takes a certificate and key of the operator', async () => {
    const authority = await createAuthority(Date.now());
    const own = await authority.issue(['127.0.0.1']);
    writeFileSync(file('own-ca.pem'), authority.certificate);
    writeFileSync(file('own.pem'), own.certificate);
    writeFileSync(file('own.key'), own.key);
    writeFileSync(file('other.key'), authority.root.key);
    const running = await start('control: 127.0.0.1:0\ncontrolTls: { certificate: own.pem, key: own.key }');
    await listEvents(context(), { control: running.control, ca: file('own-ca.pem') });
    await running.close();
    for (const [tls, message] of [
      ['{ certificate: own.pem, key: other.key }', 'is not that of the certificate'],
      ['{ certificate: own.key, key: own.key }', 'controlTls.certificate: expected a certificate as PEM'],
      ['{ certificate: own.pem, key: own.pem }', 'controlTls.key: expected a private key'],
      ['{ certificate: missing.pem, key: own.key }', 'controlTls.certificate: cannot read'],
      ['{ caFile: nowhere/ca.pem }', 'controlTls.caFile: cannot write'],
    ]) {
      await expect(start(`control: 127.0.0.1:0\ncontrolTls: ${tls ?? ''}`)).rejects.toThrow(message);
    }
  });

  it('is needed beyond loopback, unless it is said to be off', async () => {
    const beyond = 'control: 0.0.0.0:0\ncontrolToken: { file: token }\n';
    await expect(start(beyond)).rejects.toThrow('controlTls');
    const running = await start(`${beyond}controlTls: off`);
    expect(running.control).toMatch(/^http:/);
    await running.close();
    await expect(start('control: 127.0.0.1:0\ncontrolTls: on')).rejects.toThrow('controlTls: expected');
  });
});
