import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { EventHistory } from '../../agent/history/timeline.ts';
import { runningScheduler } from '../support/running-scheduler.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { emulate, letGo, startAgent, type AgentRig } from './agent-rig.ts';

const WITHIN = { timeout: 30_000, interval: 50 } as const;
const run = promisify(execFile);

async function historyOf(agent: AgentRig): Promise<readonly EventHistory[]> {
  const { stdout } = await run(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    'cli.ts',
    'agent',
    'history',
    '--state',
    path.join(agent.folder, 'state'),
    '--json',
  ]);
  return JSON.parse(stdout) as readonly EventHistory[];
}

describe('policies of real agents, with a real scheduler', () => {
  it('let one VM be hit in service while the other drains, and the event is approved', async () => {
    const { url } = await runningScheduler();
    const emulator = await emulate(['web1', 'web2']);
    const folder = temporaryFolder();
    const scheduler = `scheduler: { url: "${url}" }`;
    const consent = 'policy: { rules: [{ name: reboots, match: { types: [Reboot] }, decide: { do: consent } }] }';
    const [first, second] = await Promise.all([
      startAgent(emulator, 'web1', { folder, extra: `${scheduler}\n${consent}` }),
      startAgent(emulator, 'web2', { folder, extra: scheduler }),
    ]);
    for (const agent of [first, second]) await expect.poll(agent.gate, WITHIN).toBe(200);
    const { eventId } = emulator.operations.schedule({
      type: 'Reboot',
      resources: ['web1', 'web2'],
      noticeMs: 120_000,
    });
    await expect.poll(second.gate, WITHIN).toBe(503);
    await expect.poll(async () => (await first.status()).events[0]?.promise, WITHIN).toBe('consented');
    expect(await first.gate()).toBe(200);
    letGo(second);
    const approvals = (): number | undefined =>
      emulator.operations.events().find((event) => event.eventId === eventId)?.approvals.length;
    await expect.poll(approvals, WITHIN).toBe(1);
    await expect.poll(second.gate, WITHIN).toBe(200);
    const [told] = await historyOf(second);
    expect(told).toMatchObject({ eventId, outcome: 'happened', subject: { resources: ['web1', 'web2'] } });
    for (const key of ['seenMs', 'drainedMs', 'promisedMs', 'startedMs', 'goneMs', 'restoredMs'] as const)
      expect(told?.[key], key).toBeTypeOf('number');
    expect(told?.notice.promisedMs).toBeGreaterThan(110_000);
    const kinds = (await historyOf(first))[0]?.entries.map((entry) => entry.kind);
    expect(kinds).toContain('promise.consented');
    expect(kinds).not.toContain('drain.started');
  });

  it('keep a VM in service while its role would fall below its minimum, and tell somebody', async () => {
    const { url } = await runningScheduler();
    const names = ['web1', 'web2', 'web3'];
    const emulator = await emulate(names);
    const folder = temporaryFolder();
    const extra = `scheduler: { url: "${url}" }\npolicy: { minimumInService: 2 }`;
    const agents = await Promise.all(names.map(async (name) => await startAgent(emulator, name, { folder, extra })));
    const [first, second] = agents;
    if (first === undefined || second === undefined) throw new Error('no agents');
    for (const agent of agents) await expect.poll(agent.gate, WITHIN).toBe(200);
    // Its neighbours have said so too.
    const serving = async (): Promise<number> => {
      const answer = await fetch(`${url}/forewarn/v1/vms`);
      const { value } = (await answer.json()) as { value: { healthy: boolean }[] };
      return value.filter((vm) => vm.healthy).length;
    };
    await expect.poll(serving, WITHIN).toBe(3);
    emulator.operations.schedule({ type: 'Freeze', resources: ['web1'], noticeMs: 600_000 });
    await expect.poll(first.gate, WITHIN).toBe(503);
    emulator.operations.schedule({ type: 'Freeze', resources: ['web2'], noticeMs: 600_000 });
    await expect.poll(() => second.program.output(), WITHIN).toContain('stays in service: 1 others of');
    expect(await second.gate()).toBe(200);
    letGo(second);
    letGo(first);
    await expect.poll(first.gate, WITHIN).toBe(200);
    await expect.poll(second.gate, WITHIN).toBe(503);
    await expect.poll(second.gate, WITHIN).toBe(200);
  });
});
