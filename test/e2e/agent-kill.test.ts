import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Emulator } from '../../emulator/start-emulator.ts';
import { startForewarn } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { emulate, letGo, startAgent, type AgentRig } from './agent-rig.ts';

const WITHIN = { timeout: 30_000, interval: 50 } as const;

describe('an agent that is killed between seeing an event and its start', () => {
  let emulator: Emulator;
  let first: AgentRig;
  let second: AgentRig;

  const stateOf = (eventId: string): string | undefined =>
    emulator.operations.events().find((event) => event.eventId === eventId)?.state;
  const promiseOf = async (rig: AgentRig): Promise<string | undefined> => (await rig.status()).events[0]?.promise;

  beforeEach(async () => {
    const folder = temporaryFolder();
    const settings = path.join(folder, 'scheduler.yaml');
    writeFileSync(settings, 'access: { loopback: open }\nlisten: 127.0.0.1:0\nstore: { sqlite: ./scheduler.db }\n');
    const [scheduler, started] = await Promise.all([
      startForewarn(['scheduler', '--config', settings]),
      emulate(['web1', 'web2']),
    ]);
    onTestFinished(async () => {
      await scheduler.stop('SIGKILL');
    });
    emulator = started;
    const extra = `scheduler: { url: "http://${String(scheduler.ready['listen']).replace('http://', '')}" }`;
    [first, second] = await Promise.all([
      startAgent(emulator, 'web1', { folder, extra }),
      startAgent(emulator, 'web2', { folder, extra }),
    ]);
    for (const rig of [first, second]) await expect.poll(rig.gate, WITHIN).toBe(200);
  });

  it.each([
    ['while it drains, its journal gone', false, true],
    ['after it has promised', true, false],
    ['after it has promised, its journal gone', true, true],
  ])('%s comes back drained, and nothing is approved before both have promised', async (_name, hasPromised, isLost) => {
    const { eventId } = emulator.operations.schedule({ type: 'Reboot', resources: ['web1', 'web2'], noticeMs: 60_000 });
    await expect.poll(async () => await promiseOf(first), WITHIN).toBe('binding');
    // Until it has turned its clients away nothing has happened yet, and a restart goes on as before.
    await expect.poll(first.gate, WITHIN).toBe(503);
    if (hasPromised) {
      letGo(first);
      await expect
        .poll(async () => (await first.status()).events[0]?.record?.awaited, WITHIN)
        .toEqual(['web2: not-prepared']);
    }
    await first.kill();
    expect(await first.gate()).toBe(0);
    if (isLost) rmSync(path.join(first.folder, 'state'), { recursive: true });
    await first.start();
    expect(await first.gate()).toBe(503);
    await expect.poll(async () => (await first.status()).coordinator, WITHIN).toBe('ready');
    await expect.poll(async () => await promiseOf(first), WITHIN).toBe(hasPromised ? 'prepared' : 'binding');
    expect(stateOf(eventId)).toBe('scheduled');
    expect(await first.gate()).toBe(503);
    letGo(first);
    letGo(second);
    await expect.poll(() => stateOf(eventId), WITHIN).not.toBe('scheduled');
    for (const rig of [first, second]) await expect.poll(rig.gate, WITHIN).toBe(200);
    const view = emulator.operations.events().find((event) => event.eventId === eventId);
    expect(view?.approvals).toHaveLength(1);
  });
});
