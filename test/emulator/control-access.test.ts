import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { networkInterfaces, tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandContext } from '../../common/runtime/command.ts';
import type { Log } from '../../common/runtime/log.ts';
import { silentLog } from '../../common/runtime/log.ts';
import { listEvents, schedule } from '../../emulator/client/verbs.ts';
import { parseFleet } from '../../emulator/fleet/load-fleet.ts';
import { startEmulator, type Emulator } from '../../emulator/start-emulator.ts';

const TOKEN = '0123456789abcdef0123456789abcdef';

/** Every route of the control API. */
const ROUTES = [
  ['GET', '/fleet'],
  ['GET', '/events'],
  ['POST', '/events'],
  ['POST', '/events/X/cancel'],
  ['POST', '/events/X/start'],
  ['POST', '/events/X/complete'],
  ['GET', '/maintenance'],
  ['POST', '/maintenance'],
  ['POST', '/maintenance/m1/cancel'],
  ['GET', '/service'],
  ['POST', '/service/scale'],
  ['POST', '/service/upload'],
  ['POST', '/service/swap'],
  ['GET', '/keys'],
  ['GET', '/ca.pem'],
  ['GET', '/faults'],
  ['POST', '/faults'],
  ['DELETE', '/faults'],
  ['GET', '/clock'],
  ['POST', '/clock'],
  ['GET', '/nowhere'],
  ['UPGRADE', '/watch'],
] as const;

let folder: string;
let emulator: Emulator;
const warnings: string[] = [];
const log: Log = { ...silentLog, warn: (_fields: object, message: string) => void warnings.push(message) };

async function start(text: string): Promise<Emulator> {
  const fleet = parseFleet({
    file: path.join(folder, 'fleet.yaml'),
    text: `${text}\nhost: none\nmetadata: { requestsPerSecond: 0 }\nvms: [{ name: vm0 }]`,
  });
  return await startEmulator({ fleet, environment: {}, programs: { node: '', forewarn: [] }, log });
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'forewarn-control-'));
  await writeFile(path.join(folder, 'token'), `${TOKEN}\n`, { mode: 0o600 });
  // Only loopback is asked below: a wildcard is the one address beyond loopback that every machine has.
  emulator = await start(
    'control: 0.0.0.0:0\ncontrolTls: off\ncontrolToken: { file: token }\ncontrolHosts: [emulator.test, "mapped.test:8000"]',
  );
});
afterAll(async () => {
  await emulator.close();
  await rm(folder, { recursive: true, force: true });
});

const port = (): number => Number(new URL(emulator.control).port);

interface Asked {
  readonly method: string;
  readonly target: string;
  readonly headers?: Record<string, string>;
  readonly port?: number;
}

async function ask(asked: Asked): Promise<{ status: number; body: string; challenge: string | undefined }> {
  const isUpgrade = asked.method === 'UPGRADE';
  const upgrade = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  };
  return await new Promise((resolve, reject) => {
    const outgoing = request({
      host: '127.0.0.1',
      port: asked.port ?? port(),
      method: isUpgrade ? 'GET' : asked.method,
      path: asked.target,
      agent: false,
      headers: { 'x-forewarn': 'true', ...(isUpgrade ? upgrade : {}), ...asked.headers },
    });
    outgoing.on('error', reject);
    outgoing.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, body: '', challenge: undefined });
    });
    outgoing.on('response', (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body, challenge: response.headers['www-authenticate'] });
      });
    });
    outgoing.end();
  });
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

describe('the control API with a token', () => {
  it.each(ROUTES)('%s %s answers only to the right token', async (method, target) => {
    const wrong: Record<string, string>[] = [
      {},
      bearer('0123456789abcdef0123456789abcdee'),
      bearer(TOKEN.slice(0, -1)),
      bearer(`${TOKEN}0`),
      { authorization: `Basic ${TOKEN}` },
      { authorization: TOKEN },
      { authorization: 'Bearer ' },
    ];
    for (const headers of wrong) {
      const refused = await ask({ method, target, headers });
      expect(refused).toMatchObject({ status: 401, challenge: 'Bearer' });
      expect(JSON.parse(refused.body)).toMatchObject({ error: { code: 'TOKEN_NEEDED' } });
    }
    const passed = await ask({ method, target, headers: bearer(TOKEN) });
    expect([200, 101, 204, 400, 404, 409]).toContain(passed.status);
    expect(passed.body).not.toContain('TOKEN_NEEDED');
  });

  it.each(ROUTES)('%s %s is not behind the metadata port, whatever is shown there', async (method, target) => {
    const metadataPort = Number(new URL(emulator.vms[0]?.metadata ?? '').port);
    const before = JSON.stringify([emulator.operations.fleet(), emulator.operations.events()]);
    for (const where of [target, `${emulator.control}${target}`, `/metadata/../..${target}`, `//${target}`]) {
      const headers = { ...bearer(TOKEN), metadata: 'true' };
      const answer = await ask({ method, target: where, port: metadataPort, headers });
      expect([400, 404]).toContain(answer.status);
    }
    expect(JSON.stringify([emulator.operations.fleet(), emulator.operations.events()])).toBe(before);
    expect(emulator.operations.faults()).toEqual([]);
  });

  it('says nothing of its token', async () => {
    expect(JSON.stringify([emulator.operations.fleet(), await ask({ method: 'GET', target: '/fleet' })])).not.toContain(
      TOKEN,
    );
  });

  it.each(['127.0.0.1', 'localhost', 'emulator.test', 'Emulator.Test'])('is known as %s', async (name) => {
    const headers = { ...bearer(TOKEN), host: `${name}:${port()}` };
    expect((await ask({ method: 'GET', target: '/fleet', headers })).status).toBe(200);
  });

  it('is known by the addresses of this machine, and behind a mapped port', async () => {
    const own = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
    const literal = own.map(({ address, family }) => (family === 'IPv6' ? `[${address}]` : address));
    for (const host of [...literal.map((address) => `${address}:${port()}`), 'mapped.test:8000']) {
      expect((await ask({ method: 'GET', target: '/fleet', headers: { ...bearer(TOKEN), host } })).status).toBe(200);
    }
  });

  it.each(['attacker.test', '192.0.2.1', '127.0.0.1.attacker.test', 'mapped.test'])(
    'is not known as %s, with the right token either',
    async (name) => {
      for (const method of ['GET', 'UPGRADE']) {
        const headers = { ...bearer(TOKEN), host: `${name}:${port()}` };
        expect((await ask({ method, target: '/watch', headers })).status).toBe(403);
      }
    },
  );

  it('refuses the pages of others and another port, with the right token either', async () => {
    const foreign: Record<string, string>[] = [
      { origin: 'http://attacker.test' },
      { 'sec-fetch-site': 'cross-site' },
      { host: '127.0.0.1:1' },
      { host: '127.0.0.1' },
    ];
    for (const headers of foreign) {
      const answer = await ask({ method: 'GET', target: '/fleet', headers: { ...bearer(TOKEN), ...headers } });
      expect(answer.status).toBe(403);
    }
  });
});

describe('a command', () => {
  const printed: string[] = [];
  const context = (environment: Record<string, string> = {}): CommandContext => ({
    environment,
    cliFile: '',
    terminal: { print: (text) => printed.push(text), printError: () => {}, hasColor: false },
  });
  const at = (): { control: string } => ({ control: `http://127.0.0.1:${port()}` });
  const tokenFile = (): string => path.join(folder, 'token');

  it('shows the token of the file that it is given by option or environment, and prints it nowhere', async () => {
    await schedule(context(), { type: 'Freeze', vms: ['vm0'] }, { ...at(), tokenFile: tokenFile() });
    await listEvents(context({ FOREWARN_CONTROL_TOKEN_FILE: tokenFile() }), at());
    expect(printed).toEqual([expect.stringContaining('Freeze of vm0'), expect.stringContaining('vm0')]);
    expect(printed.join('')).not.toContain(TOKEN);
  });

  it('says what it needs when it has none, or another', async () => {
    await expect(listEvents(context(), at())).rejects.toMatchObject({
      message: expect.stringContaining('wants its token') as unknown,
      hint: expect.stringContaining('--token-file') as unknown,
      exitStatus: 2,
    });
    const file = path.join(folder, 'wrong');
    await writeFile(file, TOKEN.split('').toReversed().join(''));
    await expect(listEvents(context(), { ...at(), tokenFile: file })).rejects.toThrow('has another token');
    await expect(listEvents(context(), { ...at(), tokenFile: `${file}-not` })).rejects.toThrow(
      '--token-file: cannot read',
    );
  });
});

describe('the file of the token', () => {
  const started = async (text: string | undefined, mode = 0o600): Promise<void> => {
    if (text !== undefined) await writeFile(path.join(folder, 'other'), text);
    if (text !== undefined) await chmod(path.join(folder, 'other'), mode);
    const file = text === undefined ? 'missing' : 'other';
    await (await start(`control: 127.0.0.1:0\ncontrolToken: { file: ${file} }`)).close();
  };

  it.each([
    ['', 'it is empty'],
    [' \n', 'it is empty'],
    ['short', 'a secret of 16 to 1024 printable characters'],
    [`${TOKEN} ${TOKEN}`, 'without spaces'],
    ['x'.repeat(1025), 'a secret of 16 to 1024'],
    [undefined, 'cannot read'],
  ])('with %j does not let the emulator start', async (text, message) => {
    const failed = started(text);
    await expect(failed).rejects.toMatchObject({ code: 'BAD_TOKEN_FILE', exitStatus: 2 });
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.toThrow('controlToken.file');
  });

  it('is warned of when every user can read it', async () => {
    await started(TOKEN, 0o640);
    expect(warnings).toEqual([]);
    await started(TOKEN, 0o644);
    expect(warnings).toEqual([expect.stringContaining('can read the token')]);
  });

  it('is needed for any address beyond loopback', async () => {
    await expect(start('control: 0.0.0.0:0')).rejects.toThrow('controlToken');
    await expect(start('control: "[::]:0"')).rejects.toThrow('controlToken');
  });
});
