import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadScenario } from '../../emulator/scenario/load-scenario.ts';
import { formatReport } from '../../emulator/scenario/report.ts';
import type { ScenarioReport } from '../../emulator/scenario/play.ts';
import { runScenario } from '../../emulator/scenario/run-scenario.ts';
import { startForewarn } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SHIPPED = path.join(ROOT, 'examples', 'scenarios');
const names = readdirSync(SHIPPED).filter((name) => name.endsWith('.yaml'));

async function play(file: string): Promise<ScenarioReport> {
  const programs = { node: process.execPath, forewarn: [] };
  return await runScenario({ ...(await loadScenario(file, {})), environment: {}, programs });
}

function run(...parameters: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const all = ['--disable-warning=ExperimentalWarning', path.join(ROOT, 'cli.ts'), 'emulator', 'run', ...parameters];
  return spawnSync(process.execPath, all, { encoding: 'utf8', timeout: 55_000 });
}

describe('the scenarios that are shipped', () => {
  it('are those that the documentation names', () => {
    expect(names).toHaveLength(12);
  });

  it.concurrent.each(names)('%s passes with stand-ins', async (name) => {
    const report = await play(path.join(SHIPPED, name));
    expect(report.hasPassed, formatReport(report)).toBe(true);
  });
});

describe('a scenario with real traffic', () => {
  const broken = (approveAfter: string): string => `
name: too early
fleet: ${path.join(SHIPPED, 'fleets', 'shop.yaml')}
standIns: { approveAfter: ${approveAfter} }
steps:
  - expect: { in: FrontEnd_IN_0, within: 20s }
  - schedule: { as: reboot, type: Reboot, vms: [FrontEnd_IN_0] }
  - expect: { started: reboot, within: 20s }
  - expect: { outBeforeStarted: reboot }
`;

  it('sees a client that approves while it is still in rotation', async () => {
    const file = path.join(temporaryFolder(), 'early.yaml');
    writeFileSync(file, broken('1ms'));
    const report = await play(file);
    expect(report.results.at(-1)).toMatchObject({
      outcome: 'failed',
      detail: 'FrontEnd_IN_0 still in rotation when it started',
    });
  });

  it('counts requests that fail, and watches gates', async () => {
    let answers = 0;
    const server = createServer((request, response) => {
      answers++;
      response.writeHead(request.url === '/gate' || answers % 2 === 0 ? 200 : 500);
      response.end();
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const file = path.join(temporaryFolder(), 'load.yaml');
    writeFileSync(
      file,
      `name: x\ngates: { vm0: '${url}/gate' }\nsteps:\n  - expect: { in: vm0, within: 5s }\n  - load: { url: '${url}/x', every: 10ms }\n  - wait: 100ms\n`,
    );
    const report = await play(file);
    server.close();
    expect(report.results.map((result) => result.outcome)).toEqual(['ok', 'ok', 'ok', 'failed']);
    expect(report.results.at(-1)?.detail).toMatch(/^\d+ requests, \d+ failed; the first, request \d+: status 500$/);
  });
});

/** Programs are started one after another, which takes a machine under heavy load its time. */
const SEVERAL_PROGRAMS_MS = 180_000;

describe('forewarn emulator run', () => {
  it('plays against an emulator that runs and wants its token', { timeout: SEVERAL_PROGRAMS_MS }, async () => {
    const folder = temporaryFolder();
    const token = path.join(folder, 'token');
    writeFileSync(token, '0123456789abcdef', { mode: 0o600 });
    const fleet = path.join(folder, 'fleet.yaml');
    writeFileSync(fleet, `control: 127.0.0.1:0\ncontrolToken: { file: token }\nhost: none\nvms: [{ name: web1 }]\n`);
    const emulator = await startForewarn(['emulator', '--fleet', fleet]);
    onTestFinished(async () => {
      await emulator.stop();
    });
    const file = path.join(folder, 'scenario.yaml');
    const steps = [
      'operate: { as: e, verb: restart, vm: web1 }',
      'approve: { event: e, by: web1 }',
      'expect: { gone: e, within: 50s }',
    ];
    writeFileSync(file, `name: x\nsteps:\n${steps.map((step) => `  - ${step}\n`).join('')}`);
    const control = emulator.ready['control'] as string;
    const played = run(file, '--control', control, '--token-file', token);
    expect(played).toMatchObject({ status: 0, stderr: '' });
    expect(played.stdout).toContain('restart of web1 (e)');
    expect(run(file, '--control', control)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('token') as string,
    });
  });

  it(
    'puts a new version into production without losing a request, in an emulator of its own and in one that runs',
    { timeout: SEVERAL_PROGRAMS_MS },
    async () => {
      const service = path.join(ROOT, 'examples', 'service');
      // Probes that a busy machine has time for.
      const environment = { PUBLIC_PORT: '0', STAGING_PORT: '0', COMPUTE_PORT: '0', PROBE_INTERVAL: '1s' };
      const file = path.join(service, 'swap.yaml');
      const programs = { node: process.execPath, forewarn: [] };
      const loaded = await loadScenario(file, environment);
      const own = await runScenario({ ...loaded, environment: { ...process.env, ...environment }, programs });
      expect(own.hasPassed, formatReport(own)).toBe(true);

      const settings = { ...environment, FOREWARN_CONTROL_PORT: '0' };
      const emulator = await startForewarn(['emulator', '--fleet', path.join(service, 'fleet.yaml')], settings);
      onTestFinished(async () => {
        await emulator.stop();
      });
      const attached = run(file, '--control', emulator.ready['control'] as string);
      expect(attached).toMatchObject({ status: 0, stderr: '' });
      expect(attached.stdout).toContain('Web_IN_2 out of rotation within 5 s');
    },
  );

  it(
    'ends with 0 when all is as expected, 1 when not, 2 when the file is wrong; and writes JUnit XML',
    { timeout: SEVERAL_PROGRAMS_MS },
    () => {
      const folder = temporaryFolder();
      const junit = path.join(folder, 'report.xml');
      const good = run(path.join(SHIPPED, 'scale-in.yaml'), '--junit', junit);
      expect(good).toMatchObject({ status: 0, stderr: '' });
      expect(good.stdout).toContain('scalein approved within 20 s, after 10 s (by workers_2)');
      expect(readFileSync(junit, 'utf8')).toContain('<testsuite name="scale-in" tests="4" failures="0"');

      const file = path.join(folder, 'bad.yaml');
      writeFileSync(file, 'name: x\nclock: stepped\nsteps:\n  - expect: { in: vm0 }\n');
      const bad = run(file, '--junit', junit);
      expect(bad.status).toBe(1);
      expect(readFileSync(junit, 'utf8')).toContain('failures="1"');

      const fleet = path.join(folder, 'nowhere.yaml');
      const other = run(path.join(SHIPPED, 'scale-in.yaml'), '--fleet', fleet);
      expect(other).toMatchObject({
        status: 2,
        stderr: expect.stringContaining(`${fleet}: expected a readable`) as string,
      });

      const attached = run(file, '--control', 'http://127.0.0.1:1');
      expect(attached).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('cannot reach the emulator') as string,
      });
      expect(run(file, '--control', 'http://127.0.0.1:1', '--fleet', fleet)).toMatchObject({ status: 2 });

      writeFileSync(file, 'name: x\nsteps: []\n');
      expect(run(file)).toMatchObject({ status: 2, stderr: expect.stringContaining(`${file}:2: steps`) as string });
    },
  );
});
