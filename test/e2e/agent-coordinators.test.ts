import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Emulator } from '../../emulator/start-emulator.ts';
import { startAzurite } from '../support/azurite.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { emulate, letGo, startAgent, type AgentRig } from './agent-rig.ts';

const WITHIN = { timeout: 20_000, interval: 50 } as const;

function approvalsOf(emulator: Emulator, eventId: string): number | undefined {
  return emulator.operations.events().find((event) => event.eventId === eventId)?.approvals.length;
}

async function rigs(emulator: Emulator, extra: string): Promise<readonly [AgentRig, AgentRig]> {
  const folder = temporaryFolder();
  const started = await Promise.all([
    startAgent(emulator, 'web1', { folder, extra }),
    startAgent(emulator, 'web2', { folder, extra }),
  ]);
  for (const rig of started) await expect.poll(rig.gate, WITHIN).toBe(200);
  return started;
}

describe('agents that agree without a scheduler', () => {
  it('by an Azure Storage container: approved once, when both have promised; held while it cannot be reached', async () => {
    const azurite = await startAzurite('blob');
    onTestFinished(async () => {
      await azurite.stop();
    });
    const proxy = await startTcpProxy(() => Number(new URL(azurite.url).port));
    onTestFinished(async () => {
      await proxy.close();
    });
    const secret = path.join(temporaryFolder(), 'connection-string');
    writeFileSync(secret, `${azurite.connectionString(`http://127.0.0.1:${proxy.port}`)}\n`, { mode: 0o600 });
    const emulator = await emulate(['web1', 'web2']);
    const [first, second] = await rigs(
      emulator,
      `coordinator: { kind: blob, container: forewarn, connectionStringFile: ${secret} }`,
    );
    const event = { type: 'Reboot', resources: ['web1', 'web2'], noticeMs: 60_000 } as const;
    const { eventId } = emulator.operations.schedule(event);
    letGo(first);
    await expect
      .poll(async () => (await first.status()).events[0]?.record?.awaited, WITHIN)
      .toEqual(['web2: not-prepared']);
    proxy.cutOff();
    letGo(second);
    await expect.poll(async () => (await second.status()).events[0]?.promise, WITHIN).toBe('prepared');
    await expect.poll(async () => (await first.status()).coordinator, WITHIN).not.toBe('ready');
    expect(approvalsOf(emulator, eventId)).toBe(0);
    proxy.heal();
    await expect.poll(() => approvalsOf(emulator, eventId), WITHIN).toBe(1);
    for (const rig of [first, second]) await expect.poll(rig.gate, WITHIN).toBe(200);
    expect(approvalsOf(emulator, eventId)).toBe(1);
  });

  it('by the simple rule: the first VM named approves once it has drained itself, and the log says what that means', async () => {
    const emulator = await emulate(['web1', 'web2']);
    const [first, second] = await rigs(emulator, 'coordinator: { kind: first-in-resources }');
    const event = { type: 'Reboot', resources: ['web1', 'web2'], noticeMs: 60_000 } as const;
    const { eventId } = emulator.operations.schedule(event);
    letGo(second);
    await expect.poll(async () => (await second.status()).events[0]?.promise, WITHIN).toBe('prepared');
    expect(approvalsOf(emulator, eventId)).toBe(0);
    letGo(first);
    await expect.poll(() => approvalsOf(emulator, eventId), WITHIN).toBe(1);
    expect(first.program.output()).toContain('the others may be hit in service');
    expect((await first.status()).warnings.join()).toContain('the others may be hit in service');
  });
});
