import { expect, it, onTestFinished } from 'vitest';
import { createDatabase } from '../support/postgres-database.ts';
import { startReplica } from '../support/start-replica.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { emulate, letGo, startAgent, type AgentRig } from './agent-rig.ts';
import { leaderOf, promiseOf, WITHIN } from './agreement-rig.ts';

it('agents of two schedulers agree across them, and through the death of the one that the leader was connected to', async () => {
  const folder = temporaryFolder();
  const database = await createDatabase();
  onTestFinished(async () => {
    await database.drop();
  });
  const emulator = await emulate(['web1', 'web2']);
  const one = await startReplica(folder, 'one', database.url);
  const two = await startReplica(folder, 'two', database.url);
  const urls = [one, two].map(({ ready }) => `"http://${String(ready['listen'])}"`);
  const agent = async (name: string, addresses: readonly (string | undefined)[]): Promise<AgentRig> =>
    await startAgent(emulator, name, { folder, extra: `scheduler: { url: [${addresses.join(', ')}] }` });
  // Each agent begins with another of the two.
  const [first, second] = await Promise.all([agent('web1', urls), agent('web2', urls.toReversed())]);
  for (const rig of [first, second]) await expect.poll(rig.gate, WITHIN).toBe(200);

  const { eventId } = emulator.operations.schedule({ type: 'Reboot', resources: ['web1', 'web2'], noticeMs: 120_000 });
  const approvals = (): readonly string[] =>
    emulator.operations
      .events()
      .find((event) => event.eventId === eventId)
      ?.approvals.map(({ by }) => by) ?? [];
  letGo(first);
  // Written through one scheduler, heard through the other.
  await expect.poll(async () => await leaderOf(second), WITHIN).toBe('web1');
  await one.stop('SIGKILL');
  const isWithTheOther = (line: string): boolean =>
    line.includes('connected to the scheduler') && line.includes(String(two.ready['listen']));
  await expect.poll(() => first.program.output().split('\n').some(isWithTheOther), WITHIN).toBe(true);
  await expect.poll(async () => (await first.status()).coordinator, WITHIN).toBe('ready');
  expect(await promiseOf(first)).toBe('prepared');
  expect(approvals()).toEqual([]);
  letGo(second);
  await expect.poll(approvals, WITHIN).toHaveLength(1);
  for (const rig of [first, second]) await expect.poll(rig.gate, WITHIN).toBe(200);
  expect(approvals()).toHaveLength(1);
}, 120_000);
