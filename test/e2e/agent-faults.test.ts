import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FaultKind } from '../../emulator/faults.ts';
import { runForewarn } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { emulate, letGo, startAgent, type AgentRig } from './agent-rig.ts';

const WITHIN = { timeout: 30_000, interval: 50 } as const;

const FAULTS: readonly FaultKind[] = [
  'error-500',
  'error-429',
  'error-410',
  'error-404',
  'wrong-type',
  'not-json',
  'drop',
  'unreachable',
];

/** Waits until the newest poll of the agent has failed, or has not. */
async function untilFailing(rig: AgentRig, isFailing: boolean): Promise<void> {
  await expect.poll(async () => (await rig.status()).lastPoll?.ok, WITHIN).toBe(!isFailing);
}

const countLines = (rig: AgentRig, message: string): number =>
  rig.program
    .output()
    .split('\n')
    .filter((line) => line.includes(`"msg":"${message}`)).length;

describe('an agent whose metadata service fails', () => {
  it('stays as it is through every kind of failure, in rotation or out, and says each outage once', async () => {
    const emulator = await emulate(['web1']);
    const agent = await startAgent(emulator, 'web1', { folder: temporaryFolder() });
    await expect.poll(agent.gate, WITHIN).toBe(200);
    for (const kind of FAULTS.slice(0, 4)) {
      await emulator.operations.setFault({ kind });
      await untilFailing(agent, true);
      expect(await agent.gate()).toBe(200);
      await emulator.operations.clearFaults();
      await untilFailing(agent, false);
    }
    // Half of the document that announces an event: that there is one is not yet known, and nothing else is assumed.
    await emulator.operations.setFault({ kind: 'truncate' });
    emulator.operations.schedule({ type: 'Reboot', resources: ['web1'], noticeMs: 60_000 });
    await untilFailing(agent, true);
    expect(await agent.gate()).toBe(200);
    await emulator.operations.clearFaults();
    await expect.poll(agent.gate, WITHIN).toBe(503);
    for (const kind of FAULTS) {
      await emulator.operations.setFault({ kind });
      await untilFailing(agent, true);
      expect((await agent.status()).events[0]?.promise).toBe('binding');
      await emulator.operations.clearFaults();
      await untilFailing(agent, false);
      expect(await agent.gate()).toBe(503);
    }
    expect(countLines(agent, 'events cannot be read;')).toBe(FAULTS.length + 5);
    await expect.poll(() => countLines(agent, 'events can be read again'), WITHIN).toBe(FAULTS.length + 5);
    letGo(agent);
    await expect.poll(agent.gate, WITHIN).toBe(200);
    expect(emulator.operations.events()[0]?.approvals).toHaveLength(1);
    expect(agent.program.output()).not.toContain('internal error');
  });
});

describe('the command', () => {
  it('shows the status as text and as JSON, and ends at once and cleanly when it is told to', async () => {
    const emulator = await emulate(['web1']);
    const agent = await startAgent(emulator, 'web1', { folder: temporaryFolder() });
    await expect.poll(agent.gate, WITHIN).toBe(200);
    const socket = path.join(agent.folder, 'agent.sock');
    expect(await runForewarn(['agent', 'status', '--socket', socket])).toMatchObject({
      status: 0,
      output: expect.stringContaining('web1 (set): in rotation'),
    });
    const shown = await runForewarn(['agent', 'status', '--json'], { FOREWARN_AGENT_SOCKET: socket });
    expect(JSON.parse(shown.output)).toMatchObject({ name: 'web1', inRotation: true });
    const second = await runForewarn(['agent', '--config', path.join(agent.folder, 'agent.yaml')]);
    expect(second).toMatchObject({ status: 2, output: expect.stringContaining('another agent is listening there') });
    expect(await agent.program.stop('SIGTERM')).toBe(0);
    const gone = await runForewarn(['agent', 'status', '--socket', socket]);
    expect(gone).toMatchObject({ status: 1, output: expect.stringContaining('is it running there? --socket chooses') });
  });

  it('goes on in rotation, and ends at once, although the metadata service does not answer', async () => {
    const emulator = await emulate(['web1']);
    const agent = await startAgent(emulator, 'web1', { folder: temporaryFolder() });
    await expect.poll(agent.gate, WITHIN).toBe(200);
    await agent.program.stop('SIGTERM');
    await emulator.operations.setFault({ kind: 'hang' });
    await agent.start();
    // Only the agent was restarted, and nothing was promised: no reason to leave.
    expect(await agent.gate()).toBe(200);
    expect(await agent.program.stop('SIGTERM')).toBe(0);
  });

  it('refuses settings with problems, starts nothing, and shows no stack trace', async () => {
    const file = path.join(temporaryFolder(), 'agent.yaml');
    writeFileSync(file, 'gate: { listen: nowhere }\ntypo: 1\nstate: "${MISSING}"\n');
    const { status, output } = await runForewarn(['agent', '--config', file]);
    expect(status).toBe(2);
    expect(output).toContain(`${file}:1: gate.listen: expected an address and a port`);
    expect(output).toContain(`${file}:2: typo: expected a known key`);
    expect(output).toContain('expected the environment variable MISSING to be set');
    expect(output).not.toContain('    at ');
    expect(readFileSync(file, 'utf8')).toContain('typo');
  });
});
