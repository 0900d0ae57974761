import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadAgentSettings } from '../../agent/settings.ts';
import { loadFleet } from '../../emulator/fleet/load-fleet.ts';
import { parseJob } from '../../scheduler/api/parse-job.ts';
import { readSchedulerSettings } from '../../scheduler/settings.ts';

const shop = fileURLToPath(new URL('../../examples/shop', import.meta.url));

/** What the emulator gives to the commands of a VM. */
const vmEnvironment = {
  FOREWARN_VM_NAME: 'FrontEnd_IN_0',
  FOREWARN_VM_ROLE: 'FrontEnd',
  FOREWARN_VM_SCOPE: 'shop',
  FOREWARN_VM_METADATA: 'http://127.0.0.1:7201',
  FOREWARN_VM_DISK: '/tmp/shop/FrontEnd_IN_0/disk',
  FOREWARN_VM_PORT_HTTP: '20001',
  FOREWARN_VM_PORT_GATE: '20002',
  SCHEDULER_URL: 'http://127.0.0.1:7080',
};

describe('the settings of the example fleet', () => {
  it('describe a cloud service with a public address, and are valid without any variable', async () => {
    const fleet = await loadFleet(path.join(shop, 'fleet.yaml'), {});
    expect(fleet.vms.map(({ vm }) => `${vm.name} ${vm.updateDomain}`)).toEqual([
      'FrontEnd_IN_0 0',
      'FrontEnd_IN_1 1',
      'FrontEnd_IN_2 2',
      'BackEnd_IN_0 0',
      'BackEnd_IN_1 1',
    ]);
    expect(fleet.balancing).toMatchObject({ publicAddress: { port: 8080 }, role: 'FrontEnd', serves: 'http' });
    expect(fleet.control.port).toBe(7070);
  });

  it('let the agents wait for as long as the balancer may take to notice', async () => {
    const { balancing } = await loadFleet(path.join(shop, 'fleet.yaml'), {});
    const { gate } = await loadAgentSettings(path.join(shop, 'agent.yaml'), vmEnvironment);
    const { intervalMs, threshold } = balancing?.probe ?? { intervalMs: 0, threshold: 0 };
    expect(intervalMs).toBeGreaterThan(0);
    // One probe may be answered just before the gate shuts, and the last may take as long as its interval.
    expect(gate?.detection).toBeGreaterThanOrEqual(intervalMs * (threshold + 2));
  });

  it('drain a web instance by its gate and its connections, and a worker by its hook alone', async () => {
    const web = await loadAgentSettings(path.join(shop, 'agent.yaml'), vmEnvironment);
    const worker = await loadAgentSettings(path.join(shop, 'agent-worker.yaml'), vmEnvironment);
    expect(web).toMatchObject({ gate: { listen: { port: 20_002 } }, connections: { ports: [20_001] } });
    expect(worker.gate).toBeUndefined();
    expect(worker.connections).toBeUndefined();
    expect(worker.hooks?.folder).toBe(path.join(shop, 'hooks-worker.d'));
  });

  it('let the scheduler listen where the fleet looks for it', async () => {
    const scheduler = await readSchedulerSettings(path.join(shop, 'scheduler.yaml'), {}, shop);
    expect(scheduler.listen).toEqual({ host: '127.0.0.1', port: 7080 });
    const fleet = await loadFleet(path.join(shop, 'fleet.yaml'), {});
    expect(fleet.vms[0]?.environment['SCHEDULER_URL']).toBe('http://127.0.0.1:7080');
  });

  it('have a job that runs a task which every web instance has', () => {
    const body: unknown = JSON.parse(readFileSync(path.join(shop, 'patch-front-end.json'), 'utf8'));
    const { definition } = parseJob(body, Date.parse('2026-11-20T12:00:00Z'));
    expect(definition.action).toMatchObject({ fleet: { selector: { role: 'FrontEnd' }, task: 'patch' } });
    expect(readdirSync(path.join(shop, 'tasks.d'))).toContain('patch');
  });

  it('have hooks and tasks that can be executed and that the shell understands', () => {
    const scripts = ['hooks.d', 'hooks-worker.d', 'tasks.d'].flatMap((folder) =>
      readdirSync(path.join(shop, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !entry.name.endsWith('.yaml'))
        .map((entry) => path.join(entry.parentPath, entry.name)),
    );
    expect(scripts).toHaveLength(5);
    expect(scripts.filter((script) => (statSync(script).mode & 0o111) !== 0o111)).toEqual([]);
    for (const script of scripts) {
      expect(() => execFileSync('sh', ['-n', script])).not.toThrow();
    }
  });
});
