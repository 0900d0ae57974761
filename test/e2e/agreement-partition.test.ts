import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AgentStatus } from '../../agent/status/status.ts';
import { LEASE_MS } from '../../common/agreement/record.ts';
import { systemEnvironment } from '../../common/runtime/environment.ts';
import { requestJson } from '../../common/runtime/http-json.ts';
import { parseFleet } from '../../emulator/fleet/load-fleet.ts';
import { startEmulator, type Emulator } from '../../emulator/start-emulator.ts';
import { startForewarn } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const WITHIN = { timeout: 40_000, interval: 100 } as const;
const BOTH = ['web1', 'web2'] as const;
type VmName = (typeof BOTH)[number];
const hasNamespaces =
  process.getuid?.() === 0 && spawnSync('ip', ['-V']).status === 0 && spawnSync('nsenter', ['-V']).status === 0;
/** In CI missing tools are a failure: the tests must not turn green by not running. */
const runs = hasNamespaces || process.env['CI'] === 'true';
const needs = hasNamespaces ? '' : ' (needs: root on Linux, and apt-get install iproute2 util-linux)';

interface Fleet {
  readonly emulator: Emulator;
  status(name: VmName): Promise<AgentStatus>;
  /** Lets the VM's prepare hook end. */
  letGo(name: VmName): void;
  isLetGo(name: VmName): boolean;
  /** Loses every packet between the VM and the scheduler, silently, until `heal`. */
  partition(name: VmName): void;
  heal(name: VmName): Promise<void>;
}

/** Two VMs, each with a network namespace of its own, whose agents reach the scheduler of the machine. */
async function startFleet(): Promise<Fleet> {
  const folder = temporaryFolder();
  const config = path.join(folder, 'scheduler.yaml');
  writeFileSync(config, 'listen: 127.0.0.1:0\naccess: { loopback: open }\nstore: { sqlite: ./scheduler.db }\n');
  const scheduler = await startForewarn(['scheduler', '--config', config]);
  onTestFinished(async () => {
    await scheduler.stop('SIGKILL');
  });
  const listen = String(scheduler.ready['listen']);
  const port = listen.split(':').at(-1) ?? '';
  for (const name of BOTH) {
    const hooks = path.join(folder, `hooks-${name}`, 'prepare');
    mkdirSync(hooks, { recursive: true });
    const wait = `#!/bin/sh\nwhile [ -d "${folder}" ] && [ ! -e "${folder}/go-${name}" ]; do sleep 0.05; done\n`;
    writeFileSync(path.join(hooks, '10-wait'), wait, { mode: 0o755 });
  }
  writeFileSync(
    path.join(folder, 'agent.yaml'),
    `state: '\${FOREWARN_VM_DISK}/agent'
socket: '\${FOREWARN_VM_DISK}/agent.sock'
scheduler: { url: 'http://${listen}' }
gate: { listen: '\${FOREWARN_VM_ADDRESS}:\${FOREWARN_VM_PORT_GATE}', detection: 100ms }
hooks: { folder: '${folder}/hooks-\${FOREWARN_VM_NAME}' }
identity: { scope: set }
events: { absentFor: 1s }
`,
  );
  const run = 'ports: [gate], run: { agent: [forewarn, agent, --config, agent.yaml] }';
  const emulator = await startEmulator({
    fleet: parseFleet({
      file: path.join(folder, 'fleet.yaml'),
      text: `control: 127.0.0.1:0
network: namespaces
folder: ${folder}/vms
forward: ['${listen}']
impact: { rebootAtLeast: 300ms, lingerAfterImpact: 300ms }
availabilitySets: [{ name: set, updateDomains: 1, vms: [${BOTH.map((name) => `{ name: ${name}, ${run} }`).join(', ')}] }]
`,
    }),
    environment: systemEnvironment(),
    programs: {
      node: process.execPath,
      forewarn: [process.execPath, '--disable-warning=ExperimentalWarning', path.join(ROOT, 'cli.ts')],
    },
  });
  onTestFinished(async () => {
    await emulator.close();
  });
  const inside = (name: VmName, ...words: string[]): void => {
    execFileSync('nsenter', [`--net=/proc/${agentOf(folder, name)}/ns/net`, 'ip', ...words]);
  };
  const directions = ['dport', 'sport'].map((end) => ['pref', '1', 'ipproto', 'tcp', end, port, 'blackhole']);
  const partitioned = new Set<VmName>();
  return {
    emulator,
    status: async (name) => {
      const socket = { kind: 'socket', path: path.join(folder, 'vms', name, 'disk', 'agent.sock') } as const;
      const wanted = { method: 'GET', path: '/status', timeoutMs: 3000 } as const;
      return (await requestJson(socket, wanted, { what: 'agent', option: '--socket' })).body as AgentStatus;
    },
    letGo: (name) => {
      writeFileSync(path.join(folder, `go-${name}`), '');
    },
    isLetGo: (name) => existsSync(path.join(folder, `go-${name}`)),
    partition: (name) => {
      // The rule for local addresses is the first there is; ours must come before it.
      inside(name, 'rule', 'add', 'pref', '10', 'lookup', 'local');
      inside(name, 'rule', 'del', 'pref', '0');
      for (const rule of directions) inside(name, 'rule', 'add', ...rule);
      partitioned.add(name);
    },
    heal: async (name) => {
      if (!partitioned.delete(name)) return;
      // A reboot of the VM leaves its namespace as it is.
      await expect.poll(() => agentOf(folder, name), WITHIN).toBeDefined();
      for (const rule of directions) inside(name, 'rule', 'del', ...rule);
    },
  };
}

/** Process id of the agent in a VM, by the marks of its environment; undefined while the VM is down. */
function agentOf(folder: string, name: VmName): string | undefined {
  return readdirSync('/proc').find((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      const isOurs = environment.some((entry) => entry.startsWith(`FOREWARN_VM_DISK=${folder}/`));
      return isOurs && environment.includes(`FOREWARN_VM_NAME=${name}`) && words.includes('agent.yaml');
    } catch {
      return false;
    }
  });
}

/** Announces a reboot of both, and collects what must never be. */
function announce(fleet: Fleet): {
  readonly violations: readonly string[];
  readonly approvedBy: () => readonly string[];
} {
  const violations: string[] = [];
  const { operations, feed } = fleet.emulator;
  const { eventId } = operations.schedule({ type: 'Reboot', resources: [...BOTH], noticeMs: 180_000 });
  onTestFinished(
    feed.subscribe((activity) => {
      if (activity.kind !== 'event.approved') return;
      for (const name of BOTH) if (!fleet.isLetGo(name)) violations.push(`approved before ${name} was let go`);
    }),
  );
  return {
    violations,
    approvedBy: () =>
      operations
        .events()
        .find((event) => event.eventId === eventId)
        ?.approvals.map((approval) => approval.by) ?? [],
  };
}

async function bothServe(fleet: Fleet): Promise<void> {
  for (const name of BOTH)
    await expect
      .poll(async () => (await fleet.status(name).catch(() => undefined))?.inRotation ?? false, WITHIN)
      .toBe(true);
}

describe.skipIf(!runs)(`network namespaces that are cut off from each other${needs}`, () => {
  it('the leader from the scheduler: another takes over within 20 s and approves; the old leader approves nothing', async () => {
    const fleet = await startFleet();
    await bothServe(fleet);
    const event = announce(fleet);
    fleet.letGo('web1');
    await expect.poll(async () => (await fleet.status('web2')).events[0]?.record?.leader, WITHIN).toBe('web1');
    fleet.partition('web1');
    const cutMs = performance.now();
    fleet.letGo('web2');
    await expect.poll(event.approvedBy, WITHIN).toEqual(['web2']);
    expect(performance.now() - cutMs).toBeLessThan(20_000);
    await fleet.heal('web1');
    await bothServe(fleet);
    expect(event.approvedBy()).toEqual(['web2']);
    expect(event.violations).toEqual([]);
  }, 120_000);

  it('a VM that still drains: nobody approves, however long it takes; when they meet again it is approved once', async () => {
    const fleet = await startFleet();
    await bothServe(fleet);
    const event = announce(fleet);
    fleet.letGo('web1');
    await expect.poll(async () => (await fleet.status('web2')).events[0]?.record?.leader, WITHIN).toBe('web1');
    fleet.partition('web2');
    fleet.letGo('web2');
    await expect.poll(async () => (await fleet.status('web2')).events[0]?.promise, WITHIN).toBe('prepared');
    const before = performance.now();
    while (performance.now() - before < LEASE_MS + 4000) {
      expect(event.approvedBy()).toEqual([]);
      for (const name of BOTH) expect((await fleet.status(name)).inRotation).toBe(false);
      await sleep(500);
    }
    await fleet.heal('web2');
    await expect.poll(event.approvedBy, WITHIN).toHaveLength(1);
    await bothServe(fleet);
    expect(event.violations).toEqual([]);
  }, 120_000);
});
