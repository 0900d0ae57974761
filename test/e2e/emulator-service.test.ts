import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemEnvironment } from '../../common/runtime/environment.ts';
import { parseFleet } from '../../emulator/fleet/load-fleet.ts';
import { processesOf } from '../../emulator/hosts/vm-processes.ts';
import { startEmulator, type Emulator } from '../../emulator/start-emulator.ts';

/** Of each thing that is awaited: a machine under heavy load starts a process in seconds. */
const LIMIT_MS = 45_000;

/** Answers with its deployment and its name, after a while, so that there is always something under way. */
const APP = `
import { createServer } from 'node:http';
import { existsSync, writeFileSync } from 'node:fs';
const { FOREWARN_VM_PORT_HTTP: port, FOREWARN_VM_NAME: name, FOREWARN_VM_DISK: disk } = process.env;
const isBroken = () => existsSync(disk + '/broken');
const server = createServer((request, response) => {
  if (request.url === '/healthz') { response.writeHead(isBroken() ? 503 : 200).end(); return; }
  if (request.url === '/break') writeFileSync(disk + '/broken', '');
  setTimeout(() => response.end(process.argv[2] + ' ' + name), 30);
});
// Never: a time-out that fires while a busy machine has the next request under way would lose it, whoever balances.
server.keepAliveTimeout = 0;
server.listen(Number(port), '127.0.0.1');
`;

/** Probes are given time: on a busy machine late answers of the application would empty the rotation, which is not tested here. */
function roles(version: string, instances: number, more = ''): string {
  const [interval, threshold] = more === '' ? ['1s', 3] : ['400ms', 2];
  return `
    - name: Front
      kind: web
      instances: ${instances}
      ports: [http]
      serves: http
      probe: { port: http, path: /healthz, interval: ${interval}, threshold: ${threshold} ${more} }
      run: { app: [node, app.mjs, ${version}] }
`;
}

let folder: string;
let emulator: Emulator | undefined;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'forewarn-test-'));
  await writeFile(path.join(folder, 'app.mjs'), APP);
});
afterEach(async () => {
  await emulator?.close();
  expect(processesOf({ initPid: undefined, environmentEntry: `TEST_FOLDER=${folder}` }, process.pid)).toEqual([]);
  await rm(folder, { recursive: true, force: true });
});

async function start(text: string): Promise<Emulator> {
  const fleet = parseFleet({ file: path.join(folder, 'fleet.yaml'), text });
  emulator = await startEmulator({
    fleet,
    environment: { ...systemEnvironment(), TEST_FOLDER: folder },
    programs: { node: process.execPath, forewarn: [] },
  });
  return emulator;
}

function service(text: string, more = ''): string {
  return `control: 127.0.0.1:0\nhost: process\nfolder: vms\ncloudService:\n  name: shop\n  publicAddress: 127.0.0.1:0\n  ${more}\n  roles: ${text}`;
}

async function until<Found>(look: () => Promise<Found | undefined> | Found | undefined): Promise<Found> {
  const deadlineMs = Date.now() + LIMIT_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadlineMs) throw new Error('waited too long');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function healthy(slot: 'production' | 'staging'): number {
  const found = emulator?.operations.service?.view().find((view) => view.slot === slot);
  return found?.roles[0]?.healthy ?? 0;
}

async function ask(url: string, agent?: Agent): Promise<string> {
  return await new Promise((resolve, reject) => {
    const request = get(url, agent === undefined ? { agent: false } : { agent }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => {
        if (response.statusCode === 200) resolve(body);
        else reject(new Error(`status ${response.statusCode}`));
      });
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}

/** Clients that ask without a pause until they are stopped, with a connection a request; one may keep its own. */
function load(
  url: string,
  oneKeeps = true,
): { readonly answers: string[]; readonly failures: string[]; stop(): Promise<void> } {
  const answers: string[] = [];
  const failures: string[] = [];
  const stopping = new AbortController();
  const kept = new Agent({ keepAlive: true, maxSockets: 1 });
  const clients = Array.from({ length: 8 }, async (_, index) => {
    while (!stopping.signal.aborted) {
      try {
        answers.push(await ask(url, index === 0 && oneKeeps ? kept : undefined));
      } catch (error) {
        failures.push(String(error));
      }
    }
  });
  return {
    answers,
    failures,
    stop: async () => {
      stopping.abort();
      await Promise.all(clients);
      kept.destroy();
    },
  };
}

describe('a cloud service under load', { timeout: 120_000 }, () => {
  it('is swapped for a new deployment without losing a request, and back', async () => {
    const { publicAddress = '', operations } = await start(service(roles('one', 2), 'stagingAddress: 127.0.0.1:0'));
    await until(() => (healthy('production') === 2 ? true : undefined));
    const clients = load(publicAddress);
    await expect(operations.service?.swap()).rejects.toMatchObject({ code: 'NO_DEPLOYMENT' });
    const slots = await operations.service?.upload({
      file: path.join(folder, 'two.yaml'),
      text: `roles: ${roles('two', 2)}`,
    });
    expect(slots?.map(({ slot, scope }) => [slot, scope])).toEqual([
      ['production', 'shop'],
      ['staging', 'shop-2'],
    ]);
    await until(() => (healthy('staging') === 2 ? true : undefined));
    expect(await ask(slots?.[1]?.address ?? '')).toMatch(/^two Front-2_IN_/);
    expect(clients.answers.some((answer) => answer.startsWith('two'))).toBe(false);
    await operations.service?.swap();
    await until(() =>
      clients.answers.slice(-20).filter((answer) => answer.startsWith('two')).length > 10 ? true : undefined,
    );
    const seen = clients.answers.length;
    await operations.service?.swap();
    await until(() => (clients.answers.length > seen + 100 ? true : undefined));
    expect(new Set(clients.answers.slice(-20).map((answer) => answer.slice(0, 3)))).toContain('one');
    await clients.stop();
    expect(clients.failures).toEqual([]);
    expect(clients.answers.length).toBeGreaterThan(100);
  });

  it('is scaled out and in without losing a request; each slot sees its own events', async () => {
    const { publicAddress = '', operations } = await start(service(roles('one', 1)));
    await until(() => (healthy('production') === 1 ? true : undefined));
    const clients = load(publicAddress);
    await operations.service?.scale({ role: 'front', instances: 3, slot: 'production' });
    await until(() => (healthy('production') === 3 ? true : undefined));
    await until(() => (clients.answers.some((answer) => answer === 'one Front_IN_2') ? true : undefined));
    const event = operations.schedule({ type: 'Freeze', resources: ['Front_IN_2'] });
    expect(event.scope).toBe('shop');
    await clients.stop();
    const strangers = load(publicAddress, false);
    await operations.service?.scale({ role: 'Front', instances: 1, slot: 'production' });
    expect(operations.fleet().vms.map((vm) => vm.name)).toEqual(['Front_IN_0']);
    expect(operations.events().at(-1)).toMatchObject({ eventId: event.eventId, state: 'cancelled' });
    await strangers.stop();
    expect([...clients.failures, ...strangers.failures]).toEqual([]);
    await expect(operations.service?.scale({ role: 'Back', instances: 2, slot: 'production' })).rejects.toMatchObject({
      code: 'UNKNOWN_TARGET',
    });
  });

  it('leaves nothing behind when the emulator ends in the middle of an upload', async () => {
    const { operations } = await start(service(roles('one', 1)));
    const uploading = operations.service?.upload({
      file: path.join(folder, 'two.yaml'),
      text: `roles: ${roles('two', 3)}`,
    });
    await emulator?.close();
    // Whether it came about just before the end, or not at all, is a matter of moments.
    await Promise.allSettled([uploading]);
    await expect(fetch(emulator?.vms.at(-1)?.metadata ?? '')).rejects.toThrow('fetch failed');
  });

  it('replaces an instance whose probe stays down by a new VM with empty disks', async () => {
    const { operations, publicAddress = '' } = await start(service(roles('one', 1, ', replaceAfter: 2s')));
    await until(() => (healthy('production') === 1 ? true : undefined));
    const before = operations.fleet().vms[0];
    await ask(`${publicAddress}/break`);
    await until(() => operations.feed.recent().find((activity) => activity.kind === 'vm.replaced'));
    await until(() => (healthy('production') === 1 ? true : undefined));
    const after = operations.fleet().vms[0];
    expect(after?.name).toBe(before?.name);
    expect(after?.vmId).not.toBe(before?.vmId);
    const disk = path.join(folder, 'vms', 'Front_IN_0', 'disk');
    expect(await readdir(disk)).toEqual([]);
    expect(await readFile(path.join(folder, 'vms', 'Front_IN_0', 'vm.json'), 'utf8')).toContain('"boots":1');
  });
});
