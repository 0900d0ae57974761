import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadScenario, type ScenarioOverrides } from '../../../emulator/scenario/load-scenario.ts';
import { formatJunit, formatReport } from '../../../emulator/scenario/report.ts';
import type { ScenarioReport } from '../../../emulator/scenario/play.ts';
import { runScenario } from '../../../emulator/scenario/run-scenario.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

function write(text: string): string {
  const file = path.join(temporaryFolder(), 'scenario.yaml');
  writeFileSync(file, text);
  return file;
}

async function play(text: string, overrides: ScenarioOverrides = {}): Promise<ScenarioReport> {
  const run = await loadScenario(write(text), {}, overrides);
  return await runScenario({ ...run, environment: {}, programs: { node: process.execPath, forewarn: [] } });
}

const REBOOT = 'schedule: { as: reboot, type: Reboot, vms: [vm0] }';

describe('a scenario file', () => {
  it('is refused with every problem in it, by line and key', async () => {
    const text = `name: x
clock: real
steps:
  - ${REBOOT}
  - ${REBOOT}
  - expect: { approved: other }
  - advance: 5m
`;
    await expect(loadScenario(write(text), {})).rejects.toMatchObject({
      problems: [
        { line: 5, key: 'steps[1].schedule.as' },
        { line: 6, key: 'steps[2].expect', message: expect.stringContaining('(reboot), got "other"') as string },
        { line: 7, key: 'steps[3].advance', message: expect.stringContaining('clock: stepped') as string },
      ],
    });
  });

  it.each([
    ['- { cancel: a, start: a }', 'expected one verb or expectation a step, got cancel and start'],
    ['- {}', 'expected one verb or expectation a step, got none'],
    ['- expect: { within: 5s }', 'expected one of approved, started'],
    ['- explode: vm0', 'expected a known key'],
    ['- wait: soon', 'expected a duration'],
  ])('is refused for a step like %s', async (step, message) => {
    await expect(loadScenario(write(`name: x\nsteps:\n  ${step}\n`), {})).rejects.toThrow(message);
  });

  it('keeps to a clock that its steps can do with', async () => {
    const text = `name: x\nclock: stepped\nsteps:\n  - advance: 5m\n`;
    await expect(loadScenario(write(text), {}, { clock: 'real' })).rejects.toMatchObject({ code: 'WRONG_CLOCK' });
    const load = `name: x\nsteps:\n  - load: {}\n`;
    await expect(loadScenario(write(load), {}, { clock: 'stepped' })).rejects.toMatchObject({ code: 'WRONG_CLOCK' });
  });
});

describe('a played scenario', () => {
  it('fails where nobody approves, and says so', async () => {
    const report = await play(`name: x
clock: stepped
steps:
  - ${REBOOT}
  - expect: { approved: reboot, within: 20s }
  - expect: { gone: reboot, within: 1m }
`);
    expect(report).toMatchObject({ hasPassed: false, tookMs: 20_000 });
    expect(report.results.map((result) => result.outcome)).toEqual(['ok', 'failed', 'skipped']);
    expect(formatReport(report)).toContain(
      'FAILED  +0 s       reboot approved within 20 s (nobody has approved it; it is scheduled)',
    );
    expect(formatReport(report)).toContain('FAILED: 1 of 3 steps, 20 s');
  });

  it('fails a verb that the platform refuses, with its reason', async () => {
    const report = await play(`name: x
clock: stepped
steps:
  - schedule: { as: reboot, type: Reboot, vms: [vm9] }
`);
    expect(report.results).toMatchObject([{ outcome: 'failed', detail: 'no VM "vm9"; known: vm0' }]);
  });

  it('lets stand-ins approve, sets faults, and passes fifteen minutes at once', async () => {
    const report = await play(`name: x
clock: stepped
standIns: { approveAfter: 5s }
steps:
  - fault: { kind: error-500, vm: vm0, for: 10s }
  - fault: { kind: clock-skew, by: -1m }
  - noFault: all
  - ${REBOOT}
  - expect: { approved: reboot, within: 20s }
  - expect: { gone: reboot, within: 1m }
  - advance: 15m
`);
    expect(report.hasPassed).toBe(true);
    expect(report.results[4]).toMatchObject({ tookMs: 5000, detail: 'by vm0' });
  });

  it('does not know rotation that nobody watches', async () => {
    const report = await play('name: x\nclock: stepped\nsteps:\n  - expect: { out: vm0 }\n');
    expect(report.results[0]?.detail).toContain('nobody knows whether vm0 is in rotation');
  });

  it('refuses a stepped clock over a public address, where probes are real requests', async () => {
    const fleet = path.resolve(import.meta.dirname, '../../../examples/scenarios/fleets/shop.yaml');
    await expect(play('name: x\nclock: stepped\nsteps:\n  - wait: 5s\n', { fleet })).rejects.toMatchObject({
      code: 'STEPPED_PROBES',
    });
  });
});

describe('the JUnit report', () => {
  it('has a suite a scenario and a case a step, and escapes what XML must not carry', () => {
    const step = { beganMs: 0, tookMs: 1500 } as const;
    const xml = formatJunit([
      {
        name: 'a "b" & <c>',
        description: '',
        clock: 'real',
        hasPassed: false,
        startedAt: '2026-11-20T12:00:00.000Z',
        tookMs: 1500,
        results: [
          { ...step, what: 'x', outcome: 'ok', detail: '' },
          { ...step, what: 'y', outcome: 'failed', detail: 'no\u0000 <way>\n' },
          { ...step, what: 'z', outcome: 'skipped', detail: '' },
        ],
      },
    ]);
    expect(xml).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="a &quot;b&quot; &amp; &lt;c&gt;" tests="3" failures="1" skipped="1" errors="0" time="1.500" timestamp="2026-11-20T12:00:00">
    <testcase classname="a &quot;b&quot; &amp; &lt;c&gt;" name="1 x" time="1.500"/>
    <testcase classname="a &quot;b&quot; &amp; &lt;c&gt;" name="2 y" time="1.500"><failure message="no? &lt;way&gt; "/></testcase>
    <testcase classname="a &quot;b&quot; &amp; &lt;c&gt;" name="3 z" time="1.500"><skipped/></testcase>
  </testsuite>
</testsuites>
`);
  });
});
