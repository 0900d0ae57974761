import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemEnvironment } from '../../common/runtime/environment.ts';
import { parseFleet } from '../../emulator/fleet/load-fleet.ts';
import { startEmulator, type Emulator } from '../../emulator/start-emulator.ts';
import { startForewarn } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const WITHIN = { timeout: 15_000, interval: 50 } as const;
const hasNamespaces = process.getuid?.() === 0 && spawnSync('ip', ['-V']).status === 0;
/** In CI a missing `ip` is a failure: the tests must not turn green by not running. */
const runs = hasNamespaces || process.env['CI'] === 'true';

/** A client with the address compiled in. The only thing that ever connects to it is this, inside a VM's own namespace. */
const APP = `
import { createServer } from 'node:http';
import { hostname } from 'node:os';
import { lookup } from 'node:dns/promises';
import { existsSync, writeFileSync } from 'node:fs';
const { FOREWARN_VM_METADATA: metadata, FOREWARN_VM_BOOT: boot, FOREWARN_VM_TEMP: temp, SCHEDULER_URL: scheduler } = process.env;
const hadTemp = existsSync(temp + '/mark');
writeFileSync(temp + '/mark', '');
let gapMs = 0, before = performance.now();
setInterval(() => { const now = performance.now(); gapMs = Math.max(gapMs, now - before); before = now; }, 50);
const ask = async (what) => {
  const response = await fetch('http://169.254.169.254/metadata/' + what, { headers: { Metadata: 'true' } });
  return await response.text();
};
createServer(async (request, response) => {
  const name = await ask('instance/compute/name?api-version=2021-02-01&format=text').catch(String);
  const events = await ask('scheduledevents?api-version=2020-07-01').catch(String);
  const told = scheduler === undefined ? '' : await fetch(scheduler).then((found) => found.text(), (error) => error.message);
  response.end(JSON.stringify({ name, events, metadata, boot, told, hadTemp, gapMs, host: hostname(), pid: process.pid, self: await lookup(hostname()).then((found) => found.address, String) }));
}).listen(Number(process.env.FOREWARN_VM_PORT_HTTP), process.env.FOREWARN_VM_ADDRESS);
`;

function fleetIn(folder: string): string {
  writeFileSync(path.join(folder, 'app.mjs'), APP);
  const agent = `state: '\${FOREWARN_VM_DISK}/agent'
socket: '\${FOREWARN_VM_DISK}/agent.sock'
gate: { listen: '\${FOREWARN_VM_ADDRESS}:\${FOREWARN_VM_PORT_GATE}', detection: 100ms }
events: { absentFor: 1s }
`;
  writeFileSync(path.join(folder, 'agent.yaml'), agent);
  return `
control: 127.0.0.1:0
network: namespaces
folder: ${folder}/vms
notice: { Reboot: 5m }
impact: { rebootAtLeast: 100ms, lingerAfterImpact: 100ms }
vms:
  - { name: db1, ports: [http], run: { app: [node, app.mjs] } }
  - { name: db2, ports: [http, gate], metadataAt: [network, dhcp], run: { app: [node, app.mjs], agent: [forewarn, agent, --config, agent.yaml] } }
`;
}

/** The same application behind a public address, one instance. */
function serviceIn(folder: string): string {
  writeFileSync(path.join(folder, 'app.mjs'), APP);
  return `
control: 127.0.0.1:0
network: namespaces
folder: ${folder}/vms
cloudService:
  name: shop
  publicAddress: 127.0.0.1:0
  roles:
    - { name: Front, kind: web, instances: 1, ports: [http], serves: http, run: { app: [node, app.mjs] },
        probe: { port: http, path: /, interval: 500ms, threshold: 1 } }
`;
}

/** A classic VM: only its lease says where its metadata service is. It writes down what it finds, then its agent runs. */
function classicIn(folder: string): string {
  const look = `
import { renameSync, writeFileSync } from 'node:fs';
const ask = (host) => fetch('http://' + host + '/metadata/instance/compute/name?api-version=2021-02-01&format=text', { headers: { Metadata: 'true' } }).then((found) => found.text(), () => 'failed');
const [network, dhcp] = await Promise.all([ask('169.254.169.254'), ask('168.63.129.16')]);
const file = process.env.FOREWARN_VM_DISK + '/seen.json';
writeFileSync(file + '.tmp', JSON.stringify({ network, dhcp, variable: process.env.FOREWARN_VM_METADATA ?? null }));
renameSync(file + '.tmp', file);
setInterval(() => {}, 1e6);
`;
  writeFileSync(path.join(folder, 'look.mjs'), look);
  fleetIn(folder);
  return `
control: 127.0.0.1:0
network: namespaces
folder: ${folder}/vms
impact: { rebootAtLeast: 100ms, lingerAfterImpact: 100ms }
vms:
  - name: classic
    metadataAt: [dhcp]
    ports: [gate]
    run: { look: [node, look.mjs], agent: [forewarn, agent, --config, agent.yaml] }
  - { name: both, metadataAt: [network, dhcp], run: { look: [node, look.mjs] } }
`;
}

async function whatItSees(emulator: Emulator, name: string): Promise<unknown> {
  const file = path.join(emulator.vms.find((vm) => vm.name === name)?.folder ?? '', 'disk', 'seen.json');
  await expect.poll(() => existsSync(file), WITHIN).toBe(true);
  return JSON.parse(readFileSync(file, 'utf8'));
}

async function start(fleetText = fleetIn): Promise<Emulator> {
  const folder = temporaryFolder();
  const emulator = await startEmulator({
    fleet: parseFleet({ file: path.join(folder, 'fleet.yaml'), text: fleetText(folder) }),
    environment: systemEnvironment(),
    programs: {
      node: process.execPath,
      forewarn: [process.execPath, '--disable-warning=ExperimentalWarning', path.join(ROOT, 'cli.ts')],
    },
  });
  onTestFinished(async () => {
    await emulator.close();
  });
  return emulator;
}

/** What the application in a VM says. */
async function told(emulator: Emulator, name: string): Promise<Record<string, string>> {
  const vm = emulator.vms.find((found) => found.name === name);
  const response = await fetch(`http://${vm?.address}:${vm?.ports['http']}/`, { signal: AbortSignal.timeout(3000) });
  return (await response.json()) as Record<string, string>;
}

/** What an emulator has made, by its process id: namespaces, and files of theirs. */
function namespacesOf(pid: number | undefined): readonly string[] {
  const names = ['/run/netns', '/etc/netns', '/run/forewarn-leases'].flatMap((folder) =>
    existsSync(folder) ? readdirSync(folder) : [],
  );
  return [...new Set(names)].filter((name) => name.startsWith(`fw-${pid}-`));
}

function linksOf(namespaces: readonly string[]): readonly string[] {
  const links = namespaces.map((name) => `fw-${name.split('-')[3]}`);
  return Object.keys(networkInterfaces()).filter((name) => links.includes(name));
}

const needs = hasNamespaces ? '' : ' (needs: root, and apt-get install iproute2)';

describe.skipIf(!runs)(`a VM with a network of its own${needs}`, () => {
  it('finds its own metadata service at 169.254.169.254, also after a reboot, and nothing is left at the end', async () => {
    const emulator = await start();
    const own = { name: 'db1', metadata: 'http://169.254.169.254', boot: '1' };
    await expect.poll(async () => await told(emulator, 'db1'), WITHIN).toMatchObject(own);
    await expect.poll(async () => await told(emulator, 'db2'), WITHIN).toMatchObject({ name: 'db2' });
    const event = emulator.operations.schedule({ type: 'Reboot', resources: ['db1'], noticeMs: 60_000 });
    expect((await told(emulator, 'db1'))['events']).toContain(event.eventId);
    expect((await told(emulator, 'db2'))['events']).not.toContain(event.eventId);
    emulator.operations.approve('db1', [event.eventId]);
    await expect.poll(async () => await told(emulator, 'db1'), WITHIN).toMatchObject({ ...own, boot: '2' });

    const made = namespacesOf(process.pid);
    expect(made).toHaveLength(2);
    expect(linksOf(made)).toHaveLength(2);
    // This machine itself has got no way to the address that it had not before.
    expect(execFileSync('ip', ['-o', 'addr'], { encoding: 'utf8' })).not.toContain('169.254.169.254');
    await emulator.close();
    expect(namespacesOf(process.pid)).toEqual([]);
    expect(linksOf(made)).toEqual([]);
  });

  it('outside of virtual networks is told its metadata service by DHCP, and the agent finds it there', async () => {
    const emulator = await start(classicIn);
    expect(await whatItSees(emulator, 'classic')).toEqual({ network: 'failed', dhcp: 'classic', variable: null });
    const both = { network: 'both', dhcp: 'both', variable: 'http://169.254.169.254' };
    expect(await whatItSees(emulator, 'both')).toEqual(both);
    const { eventId } = emulator.operations.schedule({ type: 'Reboot', resources: ['classic'], noticeMs: 600_000 });
    const approvals = () => emulator.operations.events().find((event) => event.eventId === eventId)?.approvals;
    await expect.poll(approvals, WITHIN).toMatchObject([{ by: 'classic' }]);
    expect(namespacesOf(process.pid)).toHaveLength(2);
    expect(existsSync('/run/forewarn-leases')).toBe(true);
    await emulator.close();
    expect(namespacesOf(process.pid)).toEqual([]);
  });

  it('reaches what the fleet forwards of this machine, and nothing else of its loopback', async () => {
    const servers = [createServer(), createServer()];
    const ports = await Promise.all(
      servers.map(async (server) => {
        server.on('request', (_request, response) => {
          response.end('a scheduler');
        });
        await new Promise<void>((resolve) => {
          server.listen(0, '127.0.0.1', resolve);
        });
        return (server.address() as AddressInfo).port;
      }),
    );
    onTestFinished(() => {
      for (const server of servers) server.close();
    });
    const app = 'ports: [http], run: { app: [node, app.mjs] }';
    const url = (index: number): string => `http://127.0.0.1:${ports[index]}`;
    const emulator = await start(
      (folder) => `${fleetIn(folder).replace(/vms:[^]*/, '')}
forward: ['${url(0)}/', '127.0.0.1:${ports[0]}']
scaleSets: [{ name: set, instances: 1, environment: { SCHEDULER_URL: '${url(0)}' }, ${app} }]
vms: [{ name: vm0, environment: { SCHEDULER_URL: '${url(1)}' }, ${app} }]
`,
    );
    // Its host name is the one that its metadata service gives, which in a scale set is not the resource's.
    const named = { name: 'set_0', host: 'set000000', told: 'a scheduler' };
    await expect.poll(async () => await told(emulator, 'set_0'), WITHIN).toMatchObject(named);
    const other = { name: 'vm0', host: 'vm0', told: 'fetch failed' };
    await expect.poll(async () => await told(emulator, 'vm0'), WITHIN).toMatchObject(other);
    expect((await told(emulator, 'vm0'))['self']).toBe(emulator.vms.find((vm) => vm.name === 'vm0')?.address);
    expect(hostname()).not.toBe('vm0');
  });

  it('is frozen with its network, and redeployed without its temporary folder', async () => {
    const emulator = await start();
    await expect.poll(async () => await told(emulator, 'db1'), WITHIN).toMatchObject({ boot: '1', hadTemp: false });
    const { pid } = await told(emulator, 'db1');
    const freeze = emulator.operations.schedule({ type: 'Freeze', resources: ['db1'], durationSeconds: 2 });
    emulator.operations.start(freeze.eventId);
    await expect
      .poll(() => emulator.operations.events().find((event) => event.eventId === freeze.eventId)?.state, WITHIN)
      .toBe('completed');
    const thawed = await told(emulator, 'db1');
    expect(thawed).toMatchObject({ pid, boot: '1' });
    expect(Number(thawed['gapMs'])).toBeGreaterThan(1500);

    const { eventId } = emulator.operations.schedule({ type: 'Redeploy', resources: ['db1'] });
    expect((await told(emulator, 'db1'))['events']).toContain(eventId);
    emulator.operations.start(eventId);
    const back = { name: 'db1', boot: '2', hadTemp: false, metadata: 'http://169.254.169.254' };
    await expect.poll(async () => await told(emulator, 'db1'), WITHIN).toMatchObject(back);
    const reboot = emulator.operations.schedule({ type: 'Reboot', resources: ['db1'] });
    emulator.operations.start(reboot.eventId);
    await expect.poll(async () => await told(emulator, 'db1'), WITHIN).toMatchObject({ boot: '3', hadTemp: true });
  });

  it('lets an agent without any metadata setting approve', async () => {
    const emulator = await start();
    await expect.poll(async () => await told(emulator, 'db2'), WITHIN).toMatchObject({ name: 'db2', boot: '1' });
    emulator.operations.schedule({ type: 'Reboot', resources: ['db2'] });
    await expect.poll(() => emulator.operations.events()[0]?.approvals[0]?.by, WITHIN).toBe('db2');
    await expect.poll(async () => await told(emulator, 'db2'), WITHIN).toMatchObject({ name: 'db2', boot: '2' });
  });

  it('is probed and balanced over where it is, and leaves nothing when it is scaled away', async () => {
    const emulator = await start(serviceIn);
    const asked = async (): Promise<unknown> => await (await fetch(emulator.publicAddress ?? '')).json();
    await expect.poll(asked, WITHIN).toMatchObject({ name: 'Front_IN_0', host: 'Front_IN_0' });
    await emulator.operations.service?.scale({ role: 'Front', instances: 2, slot: 'production' });
    expect(namespacesOf(process.pid)).toHaveLength(2);
    await emulator.operations.service?.scale({ role: 'Front', instances: 1, slot: 'production' });
    expect(namespacesOf(process.pid)).toHaveLength(1);
  });

  it('is removed at the next start when the emulator was killed', async () => {
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, 'fleet.yaml'), fleetIn(folder));
    const parameters = ['emulator', '--fleet', path.join(folder, 'fleet.yaml')];
    const killed = await startForewarn(parameters);
    const made = namespacesOf(killed.child.pid);
    expect(made).toHaveLength(2);
    await killed.stop('SIGKILL');
    expect(namespacesOf(killed.child.pid)).toEqual(made);

    const next = await startForewarn(parameters);
    onTestFinished(async () => {
      await next.stop('SIGKILL');
    });
    expect(namespacesOf(killed.child.pid)).toEqual([]);
    expect(linksOf(made)).toEqual([]);
    const madeNext = namespacesOf(next.child.pid);
    expect(madeNext).toHaveLength(2);
    expect(await next.stop()).toBe(0);
    expect(namespacesOf(next.child.pid)).toEqual([]);
    expect(linksOf(madeNext)).toEqual([]);
  });
});

describe('a fleet with a network for each VM', () => {
  it('forwards nothing but addresses of this machine alone', () => {
    const text = 'host: process\nforward: ["10.0.0.1:80", "127.0.0.1:0", scheduler]\nvms: [{ name: vm0 }]\n';
    expect(() => parseFleet({ file: 'fleet.yaml', text })).toThrow(
      /forward\[0\]: expected an address of loopback[^]*forward\[1\][^]*forward\[2\]/,
    );
  });

  it('is refused for VMs that the emulator does not run', () => {
    const text = 'host: none\nnetwork: namespaces\nvms: [{ name: vm0 }]\n';
    expect(() => parseFleet({ file: 'fleet.yaml', text })).toThrow('expected namespaces only beside host: process');
  });
});
