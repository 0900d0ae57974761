import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDebianMachine, missingForMachines, until, type DebianMachine } from '../support/debian-machine.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const missing = missingForMachines();
/** In CI what is missing is a failure: the tests must not turn green by not running. */
const runs = missing.length === 0 || process.env['CI'] === 'true';
const needs =
  missing.length === 0 ? '' : ` (needs: ${missing.join(', ')}; apt-get install debootstrap systemd-container)`;

/** Making the package, and the first time the bare Debian. */
const PREPARE_MS = 600_000;
const WITHIN_MS = 60_000;

const AGENT_YAML = `identity: { role: FrontEnd }
gate: { listen: "0.0.0.0:7091", detection: 500ms }
connections: { ports: [8080] }
drain: { timeout: 30s }
events: { absentFor: 1s }
hooks: { folder: /etc/forewarn/hooks.d }
privileged: {}
commands: [{ action: units-drain, words: [work] }]
`;

/** Stopped by a drain, which takes root. */
const WORKER_SERVICE = `[Service]
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
`;

/** The application: answers, and keeps a connection open for as long as its client does. */
const SHOP_SERVICE = `[Unit]
Before=forewarn-agent.service
[Service]
ExecStart=/usr/lib/forewarn/bin/node -e "require('net').createServer((socket) => socket.on('error', () => {})).listen(8080)"
[Install]
WantedBy=multi-user.target
`;

/** A load balancer's probe, ten times as often: one line whenever the answer is another. */
const PROBE = `
const ask = () => require('http').get({ host: '127.0.0.1', port: 7091, agent: false }, (answer) => {
  answer.resume();
  console.log(answer.statusCode);
}).on('error', (error) => console.log(error.code));
setInterval(ask, 100);
`;

/** The cloud, inside of the machine's own network: the agent's settings say nothing of it. */
const FLEET_YAML = `control: 127.0.0.1:7070
host: none
impact: { rebootAtLeast: 300ms, lingerAfterImpact: 300ms }
availabilitySets: [{ name: set, updateDomains: 1, vms: [{ name: vm0, metadata: '169.254.169.254:80' }] }]
`;

describe.skipIf(!runs)(`the Debian package on a bare machine${needs}`, { timeout: 180_000 }, () => {
  let machine: DebianMachine;
  let before: readonly string[];

  const journal = (): string => machine.shell('journalctl -u forewarn-agent -o cat --no-pager');
  const agentPid = (): string => machine.run('systemctl', 'show', '-P', 'MainPID', 'forewarn-agent').trim();
  const isInRotation = (): boolean => /^(?!.*out of).*in rotation/m.test(machine.shell('forewarn agent status'));
  const put = (file: string, text: string, mode = 0o644): void => {
    mkdirSync(path.dirname(path.join(machine.folder, file)), { recursive: true });
    writeFileSync(path.join(machine.folder, file), text, { mode });
  };
  const install = (version: string): string => machine.run('apt-get', 'install', '-y', `/root/forewarn_${version}.deb`);

  beforeAll(async () => {
    machine = createDebianMachine();
    const folder = path.join(machine.folder, 'root');
    const parameters = ['scripts/package.ts', '--fast', '--version', '0.1.0', '--out', folder];
    const built = execFileSync(process.execPath, parameters, { cwd: ROOT, encoding: 'utf8' }).trim();
    renameSync(built, path.join(folder, 'forewarn_0.1.0.deb'));
    makeNext(folder);
    // So that what the agent said is still there when the machine is down.
    put('var/log/journal/.keep', '');
    put('etc/systemd/system/shop.service', SHOP_SERVICE);
    put('etc/systemd/system/worker.service', WORKER_SERVICE);
    put('root/fleet.yaml', FLEET_YAML);
    before = filesOf(machine.folder);
  }, PREPARE_MS);

  afterAll(async () => {
    await machine.remove();
  });

  it('installs with apt and nothing from elsewhere, and enables the agent', () => {
    expect(install('0.1.0')).toContain('Setting up forewarn (0.1.0)');
    const enabled = (unit: string): string => machine.shell(`systemctl is-enabled ${unit}`).trim();
    expect(enabled('forewarn-agent.service')).toBe('enabled');
    expect(enabled('forewarn-privileged.socket')).toBe('enabled');
    expect(enabled('forewarn-scheduler.service')).toBe('disabled');
    expect(machine.run('forewarn', '--version').trim()).toBe('0.1.0');
    const { dependencies } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const loads = Object.keys(dependencies).map((name) => `await import(${JSON.stringify(name)});`);
    put('usr/lib/forewarn/load.mjs', loads.join('\n'));
    expect(machine.run('/usr/lib/forewarn/bin/node', '/usr/lib/forewarn/load.mjs')).toBe('');
    machine.run('rm', '/usr/lib/forewarn/load.mjs');
    expect(machine.run('stat', '-c', '%U %a', '/etc/forewarn/privileged.d').trim()).toBe('root 755');
    expect(
      machine.run('bash', '-c', 'source /usr/share/bash-completion/completions/forewarn && complete -p forewarn'),
    ).toContain('forewarn');
  });

  it('runs the agent from the first boot on, confined, and systemd knows how it is', async () => {
    put('etc/forewarn/agent.yaml', AGENT_YAML);
    put('etc/forewarn/hooks.d/prepare/10-own', '#!/bin/sh\nid -un; env\n', 0o755);
    put('etc/forewarn/privileged.d/prepare/20-root', '#!/bin/sh\nid -un > /root/ran-as\n', 0o755);
    put('etc/forewarn/units/work', 'worker.service\n');
    machine.run('cp', '/usr/share/doc/forewarn/examples/drains/privileged/units-drain', '/etc/forewarn/privileged.d/');
    machine.run('systemctl', 'enable', 'shop.service', 'worker.service');
    await machine.boot();
    machine.addAddress('169.254.169.254/32');
    machine.run('systemd-run', '--unit=cloud', 'forewarn', 'emulator', '--fleet', '/root/fleet.yaml');
    await until(WITHIN_MS, 'the agent is in rotation', () => journal().includes('in rotation'));
    const status = machine.run('systemctl', 'show', '-P', 'StatusText', 'forewarn-agent');
    expect(status).toContain('watches for events that name vm0');
    expect(machine.run('systemctl', 'show', '-P', 'WatchdogUSec', 'forewarn-agent').trim()).toBe('1min 30s');
    expect(machine.run('forewarn', 'agent', 'status')).toContain('vm0');
    const processStatus = readStatus(machine, agentPid());
    expect(processStatus).toMatchObject({ CapEff: '0000000000000000', NoNewPrivs: '1', Seccomp: '2' });
  });

  it('runs hooks as the agent, privileged ones as root, and approves', async () => {
    const stops = (): number => countOf(machine.shell('journalctl -u worker -o cat --no-pager'), 'Stopped worker');
    const stopsBefore = stops();
    machine.run('forewarn', 'emulator', 'reboot', 'vm0');
    await until(WITHIN_MS, 'the event is over', () => journal().includes('event.ended'));
    expect(machine.run('cat', '/root/ran-as').trim()).toBe('root');
    await until(WITHIN_MS, 'the agent is back', () => isInRotation());
    expect(machine.shell('systemctl is-active worker').trim()).toBe('active');
    expect(stops()).toBe(stopsBefore + 1);
    const own = journal()
      .split('\n')
      .find((line) => line.includes('prepare/10-own'));
    expect(own).toContain('forewarn\\n');
    // Whoever can speak to systemd in the agent's name could keep it from finding out that the agent hangs.
    expect(own).not.toContain('NOTIFY_SOCKET');
    expect(journal()).toContain('"msg":"approved"');
    expect(machine.shell('systemctl list-units --no-legend "forewarn-privileged@*"').trim()).toBe('');
  });

  it('keeps settings and state through an upgrade, restarts the agent, drains nothing, and fails no probe', async () => {
    machine.run('systemctl', 'stop', 'forewarn-agent');
    machine.run('systemctl', 'enable', '--now', 'forewarn-agent.socket');
    machine.run('systemctl', 'start', 'forewarn-agent');
    await until(WITHIN_MS, 'the agent is back', () => isInRotation());
    put('root/probe.cjs', PROBE);
    machine.run('systemd-run', '--unit=probe', '/usr/lib/forewarn/bin/node', '/root/probe.cjs');
    const probes = (): readonly string[] =>
      machine
        .shell('journalctl -u probe -o cat --no-pager')
        .split('\n')
        .filter((line) => /^(\d+|E\w+)$/.test(line));
    await until(WITHIN_MS, 'it is probed', () => probes().length > 5);
    const pid = agentPid();
    const state = machine.run('ls', '/var/lib/forewarn');
    const drains = countOf(journal(), 'drain.started');
    expect(install('0.1.1')).toContain('Setting up forewarn (0.1.1)');
    expect(agentPid()).not.toBe(pid);
    await until(WITHIN_MS, 'the agent is back', () => isInRotation());
    const before = probes().length;
    await until(WITHIN_MS, 'it is probed again', () => probes().length > before + 5);
    expect([...new Set(probes())]).toEqual(['200']);
    expect(machine.run('cat', '/etc/forewarn/agent.yaml')).toBe(AGENT_YAML);
    expect(machine.run('ls', '/var/lib/forewarn')).toBe(state);
    expect(countOf(journal(), 'drain.started')).toBe(drains);
    expect(machine.shell('systemctl is-active forewarn-scheduler').trim()).toBe('inactive');
  });

  it('starts an agent that hangs anew', async () => {
    put('etc/systemd/system/forewarn-agent.service.d/test.conf', '[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\n');
    machine.run('systemctl', 'daemon-reload');
    machine.run('systemctl', 'restart', 'forewarn-agent');
    const pid = agentPid();
    machine.run('sh', '-c', `kill -STOP ${pid}`);
    await until(WITHIN_MS, 'another agent runs', () => !['0', pid].includes(agentPid()));
    expect(machine.run('systemctl', 'show', '-P', 'NRestarts', 'forewarn-agent').trim()).toBe('1');
    machine.run('rm', '-r', '/etc/systemd/system/forewarn-agent.service.d');
    machine.run('systemctl', 'daemon-reload');
  });

  it('drains when the machine goes down, and not before', async () => {
    machine.run('systemctl', 'restart', 'forewarn-agent');
    await until(WITHIN_MS, 'the agent is back', () => isInRotation());
    expect(journal()).not.toContain('the machine stops');
    // Its connection is what the machine's stop has to wait for.
    const client = "const s = require('net').connect(8080, '127.0.0.1'); setTimeout(() => s.destroy(), 6000)";
    machine.run(
      'systemd-run',
      '--unit=client',
      '-p',
      'DefaultDependencies=no',
      '-p',
      'After=shop.service',
      '/usr/lib/forewarn/bin/node',
      '-e',
      client,
    );
    await until(WITHIN_MS, 'a client is there', () => machine.shell('cat /proc/net/tcp').includes(':1F90 01'));
    machine.shell('systemctl poweroff');
    await machine.ended();
    const last = journalOnDisk(machine);
    expect(last).toContain('the machine stops');
    // Also what needs root is turned away, although the machine is on its way down.
    expect(last).not.toContain('not every balancer');
    // Longer than a second: as long as the client was there.
    expect(last.split('"the machine stops"').at(-1)).toMatch(/"tookMs":\d{4,},"msg":"drain\.proven"/);
  });

  it('leaves nothing when it is purged', () => {
    machine.run('systemctl', 'disable', 'shop.service', 'worker.service');
    machine.run('apt-get', 'purge', '-y', 'forewarn');
    expect(filesOf(machine.folder).filter((file) => !before.includes(file))).toEqual([]);
    expect(readFileSync(path.join(machine.folder, 'etc/passwd'), 'utf8')).not.toContain('forewarn');
  });
});

/** The same package again, as the next version. */
function makeNext(folder: string): void {
  const tree = path.join(folder, 'next');
  execFileSync('dpkg-deb', ['--raw-extract', path.join(folder, 'forewarn_0.1.0.deb'), tree]);
  for (const file of ['DEBIAN/control', 'usr/lib/forewarn/package.json']) {
    const text = readFileSync(path.join(tree, file), 'utf8');
    writeFileSync(path.join(tree, file), text.replace('0.1.0', '0.1.1'));
  }
  execFileSync('dpkg-deb', ['--root-owner-group', '-Znone', '--build', tree, path.join(folder, 'forewarn_0.1.1.deb')]);
  rmSync(tree, { recursive: true });
}

const countOf = (text: string, part: string): number => text.split(part).length - 1;

/** Everything that an installation may change: not what apt, dpkg and systemd write in their own places. */
function filesOf(folder: string): readonly string[] {
  return execFileSync('find', ['etc', 'usr', 'var', 'root', 'home', 'srv', 'opt', '-xdev'], {
    cwd: folder,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((file) => !/^var\/(lib\/(dpkg|apt|systemd|private)|log|cache|tmp)\b/.test(file))
    .filter(
      (file) =>
        !/^(etc\/(passwd|group|shadow|gshadow)-|etc\/machine-id|etc\/\.|root\/|etc\/systemd\/system\/(shop|worker))/.test(
          file,
        ),
    );
}

function readStatus(machine: DebianMachine, pid: string): Record<string, string> {
  const lines = machine.run('cat', `/proc/${pid}/status`).split('\n');
  return Object.fromEntries(lines.map((line) => line.split(/:\s+/, 2) as [string, string]));
}

/** What the agent said, read from outside after the machine has gone down. */
function journalOnDisk(machine: DebianMachine): string {
  const folder = path.join(machine.folder, 'var/log/journal');
  const [id = ''] = readdirSync(folder).filter((name) => name !== '.keep');
  return execFileSync('journalctl', ['-D', path.join(folder, id), '-u', 'forewarn-agent', '-o', 'cat', '--no-pager'], {
    encoding: 'utf8',
  });
}
