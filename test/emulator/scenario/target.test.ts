import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startEmulator, steppedClock } from '../../../emulator/library.ts';
import { loadAttachedScenario, loadScenario } from '../../../emulator/scenario/load-scenario.ts';
import { runAttachedScenario } from '../../../emulator/scenario/attached-target.ts';
import type { ScenarioReport } from '../../../emulator/scenario/play.ts';
import { runScenario } from '../../../emulator/scenario/run-scenario.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const FLEET = `host: none
impact: { rebootAtLeast: 1s, lingerAfterImpact: 1s }
cloudService: { name: shop, roles: [{ name: Web, kind: web, instances: 3 }, { name: Job, kind: worker, instances: 1 }] }
scaleSets: [{ name: set, instances: 2 }]
vms: [{ name: vm0 }]
`;

/** A scenario file beside a deployment that can be uploaded, and the fleet. */
function write(steps: string, clock = 'stepped'): string {
  const folder = temporaryFolder();
  writeFileSync(path.join(folder, 'two.yaml'), 'roles: [{ name: Web, kind: web, instances: 1 }]\n');
  writeFileSync(path.join(folder, 'fleet.yaml'), FLEET);
  const file = path.join(folder, 'scenario.yaml');
  writeFileSync(file, `name: x\nclock: ${clock}\nfleet: fleet.yaml\nsteps:\n${steps}`);
  return file;
}

async function playOwn(file: string): Promise<ScenarioReport> {
  const programs = { node: process.execPath, forewarn: [] };
  return await runScenario({ ...(await loadScenario(file, {})), environment: {}, programs });
}

async function playAttached(file: string): Promise<ScenarioReport> {
  const emulator = await startEmulator({ fleetText: FLEET, clock: steppedClock() });
  onTestFinished(async () => {
    await emulator.close();
  });
  return await runAttachedScenario(await loadAttachedScenario(file, {}), { url: emulator.control, token: undefined });
}

/** Every verb a scenario has, each with what must come of it. */
const EVERY_VERB = `
  - schedule: { as: reboot, type: Reboot, vms: [vm0], notice: 5m, description: x, source: Platform }
  - approve: { event: reboot, by: vm0 }
  - expect: { approved: reboot }
  - expect: { gone: reboot, within: 1m }
  - schedule: { as: freeze, type: Freeze, vms: [vm0] }
  - never: { started: freeze, for: 5m }
  - start: freeze
  - complete: freeze
  - expect: { gone: freeze, within: 0s }
  - schedule: { as: failure, type: Reboot, vms: [vm0], entry: failure }
  - expect: { started: failure }
  - schedule: { as: taken, type: Redeploy, vms: [set_0] }
  - cancel: taken
  - expect: { cancelled: taken }
  - operate: { as: restart, verb: restart, vm: set_1 }
  - advance: 15m
  - expect: { gone: restart, within: 1m }
  - operate: { verb: delete, vm: vm0 }
  - fault: { kind: error-500, vm: set_0, for: 10s }
  - noFault: all
  - maintain: { as: hosts, target: Web, type: Reboot, notice: 1m }
  - never: { maintained: hosts, for: 2m }
  - expect: { maintained: hosts, within: 5m }
  - maintain: { as: other, target: shop, by: fault-domain }
  - cancelMaintenance: other
  - scale: { role: web, instances: 4 }
  - upload: two.yaml
  - scale: { role: Web, instances: 2, slot: staging }
  - swap: staging
  - wait: 1s
`;

describe.each([
  ['an emulator of its own', playOwn],
  ['an emulator that runs', playAttached],
])('a scenario against %s', (_name, play) => {
  it('does everything that there is to do', async () => {
    const report = await play(write(EVERY_VERB));
    expect(report.results.filter((result) => result.outcome !== 'ok')).toEqual([]);
    expect(report.results).toHaveLength(EVERY_VERB.trim().split('\n').length);
    const done = report.results.find((result) => result.what === 'every domain of hosts done within 5 min');
    expect(done?.detail).toBe('');
  });

  it.each([
    ['schedule: { as: a, type: Reboot, vms: [vm9] }', 'no VM "vm9"; known: Web_IN_0'],
    ['operate: { verb: delete, vm: Web_IN_0 }', 'goes by scaling its role in'],
    ['maintain: { as: m, target: nobody }', 'no role or scope "nobody"'],
    ['scale: { role: Nobody, instances: 2 }', 'no role "Nobody"; known: Web, Job'],
    ['swap: staging', 'there is nothing in the staging slot'],
  ])('fails the step %s, with the reason', async (step, reason) => {
    const report = await play(write(`  - ${step}\n  - wait: 1s\n`));
    expect(report.results.map((result) => result.outcome)).toEqual(['failed', 'skipped']);
    expect(report.results[0]?.detail).toContain(reason);
  });

  it('fails where a maintenance that was taken back is expected to be done', async () => {
    const steps = ['maintain: { as: m, target: Web }', 'cancelMaintenance: m', 'expect: { maintained: m, within: 1h }'];
    const report = await play(write(steps.map((step) => `  - ${step}\n`).join('')));
    expect(report.results.at(-1)).toMatchObject({ outcome: 'failed', detail: 'it is cancelled', tookMs: 0 });
  });
});

describe('a scenario against an emulator that runs', () => {
  it('refuses a clock that is of the other kind', async () => {
    await using emulator = await startEmulator();
    const attached = await loadAttachedScenario(write('  - wait: 1s\n'), {});
    await expect(runAttachedScenario(attached, { url: emulator.control, token: undefined })).rejects.toMatchObject({
      code: 'WRONG_CLOCK',
      hint: 'give --clock real, if the scenario can do with it',
    });
  });

  it('says so when the emulator ends meanwhile', async () => {
    const emulator = await startEmulator({ fleetText: FLEET });
    const attached = await loadAttachedScenario(write('  - wait: 1h\n', 'real'), {});
    const playing = runAttachedScenario(attached, { url: emulator.control, token: undefined });
    emulator.schedule({ type: 'Freeze', vms: ['vm0'] });
    await Promise.all([
      expect(playing).rejects.toMatchObject({ code: expect.any(String) as string }),
      emulator.close(),
    ]);
  });

  it('wants whatever it uploads when it is read, not when it comes to it', async () => {
    const file = write('  - upload: three.yaml\n');
    await expect(loadAttachedScenario(file, {})).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  });
});
