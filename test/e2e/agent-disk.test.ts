import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { getuid, platform } from 'node:process';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { emulate, letGo, startAgent, type AgentRig } from './agent-rig.ts';
import type { Emulator } from '../../emulator/start-emulator.ts';

const WITHIN = { timeout: 30_000, interval: 50 };
const canMount = platform === 'linux' && getuid?.() === 0;

/** A file system of its own for the agent's state, small enough to be filled. */
function mountState(folder: string, size: string): string {
  const state = path.join(folder, 'web1', 'state');
  mkdirSync(state, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'forewarn-test', state]);
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', state]);
  });
  return state;
}

/** Not a byte more fits: also the last page of the journal is full, of what a power loss could have left there. */
function fill(state: string): void {
  for (const name of ['fill', 'journal', 'history.jsonl'])
    for (let size = 65_536; size >= 1;) {
      try {
        writeFileSync(path.join(state, name), Buffer.alloc(size, 'x'), { flag: 'a' });
      } catch {
        // Full for this size; a smaller one may still fit.
        size = Math.floor(size / 2);
      }
    }
}

const approvals = (emulator: Emulator): number =>
  emulator.operations.events().reduce((sum, event) => sum + event.approvals.length, 0);

describe.skipIf(!canMount)('an agent whose disk (needs root on Linux to mount one)', () => {
  const survives = async (emulator: Emulator, agent: AgentRig): Promise<void> => {
    emulator.operations.schedule({ type: 'Reboot', resources: ['web1'], noticeMs: 12_000 });
    letGo(agent);
    await expect.poll(agent.gate, WITHIN).toBe(503);
    await expect.poll(async () => (await agent.status()).events[0]?.preparation, WITHIN).toBe('proven');
    expect((await agent.status()).events[0]?.promise).toBe('binding');
    expect(agent.program.output()).toContain('the journal cannot be written');
    await expect.poll(async () => (await agent.status()).events[0]?.status, WITHIN).toBe('Started');
    await expect.poll(agent.gate, WITHIN).toBe(200);
    expect(approvals(emulator)).toBe(0);
    expect(agent.program.output()).not.toContain('internal error');
  };

  it('becomes full drains for an event, promises and approves nothing, and is back when it is over', async () => {
    const emulator = await emulate(['web1']);
    const folder = temporaryFolder();
    const state = mountState(folder, '256k');
    const agent = await startAgent(emulator, 'web1', { folder });
    await expect.poll(agent.gate, WITHIN).toBe(200);
    fill(state);
    await survives(emulator, agent);
  });

  it('is read-only drains for an event, promises and approves nothing, and is back when it is over', async () => {
    const emulator = await emulate(['web1']);
    const folder = temporaryFolder();
    execFileSync('mount', ['-o', 'remount,ro', mountState(folder, '256k')]);
    const agent = await startAgent(emulator, 'web1', { folder });
    await expect.poll(agent.gate, WITHIN).toBe(200);
    await survives(emulator, agent);
  });

  it('was full and is emptied again promises and approves then', async () => {
    const emulator = await emulate(['web1']);
    const folder = temporaryFolder();
    const state = mountState(folder, '256k');
    const agent = await startAgent(emulator, 'web1', { folder });
    await expect.poll(agent.gate, WITHIN).toBe(200);
    fill(state);
    emulator.operations.schedule({ type: 'Reboot', resources: ['web1'], noticeMs: 120_000 });
    letGo(agent);
    await expect.poll(async () => (await agent.status()).events[0]?.preparation, WITHIN).toBe('proven');
    expect(approvals(emulator)).toBe(0);
    rmSync(path.join(state, 'fill'));
    await expect.poll(() => approvals(emulator), WITHIN).toBe(1);
    await expect.poll(agent.gate, WITHIN).toBe(200);
  });

  it('is full when it starts comes into rotation all the same', async () => {
    const emulator = await emulate(['web1']);
    const folder = temporaryFolder();
    fill(mountState(folder, '64k'));
    const agent = await startAgent(emulator, 'web1', { folder });
    await expect.poll(agent.gate, WITHIN).toBe(200);
  });
});
