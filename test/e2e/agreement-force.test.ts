import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { letGo } from './agent-rig.ts';
import { promiseOf, startAgreementRig, WITHIN } from './agreement-rig.ts';

const CLI = path.resolve(import.meta.dirname, '../../cli.ts');
const NODE = ['--disable-warning=ExperimentalWarning', CLI];

it('an operator sees why an event waits, forces it, and one of its VMs approves it, although none has promised', async () => {
  const rig = await startAgreementRig();
  const forewarn = async (...words: string[]): Promise<string> => {
    const environment = { ...process.env, FOREWARN_SCHEDULER: rig.url };
    return (await promisify(execFile)(process.execPath, [...NODE, ...words], { env: environment })).stdout;
  };
  const event = rig.announce(['web1', 'web2'], 120_000);
  for (const agent of [rig.first, rig.second])
    await expect.poll(async () => await promiseOf(agent), WITHIN).toBe('binding');
  await expect
    .poll(async () => await forewarn('events', 'show', event.eventId), WITHIN)
    .toContain('Waits, because web1 is still draining, and web2 is still draining; at NotBefore the platform begins');
  expect(await forewarn('events')).toMatch(/[12] min \d+ s left/);
  expect(event.approvedBy()).toEqual([]);

  const reason = 'both hang in their drain; the night shift has seen to it';
  expect(await forewarn('events', 'approve', event.eventId, '--force', '--reason', reason)).toContain('forced by');
  await expect.poll(event.approvedBy, WITHIN).toHaveLength(1);
  const shown = await forewarn('events', 'show', event.eventId);
  expect(shown).toContain(reason);
  expect(rig.scheduler.output()).toContain(`"reason":"${reason}"`);
  // The rule that was set aside is the one that the rig watches.
  expect(rig.violations).toHaveLength(2);
  letGo(rig.first);
  letGo(rig.second);
  for (const agent of [rig.first, rig.second]) await expect.poll(agent.gate, WITHIN).toBe(200);
  await expect(forewarn('events', 'approve', event.eventId, '--force', '--reason', 'again')).rejects.toMatchObject({
    code: 1,
  });
});
