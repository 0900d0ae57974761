import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { letGo } from './agent-rig.ts';
import { bothBack, promiseOf, startAgreementRig, WITHIN } from './agreement-rig.ts';

const BOTH = ['web1', 'web2'];
const LONG_NOTICE_MS = 120_000;

describe('without the coordinator', () => {
  it('nobody approves for several VMs: both stay out until the platform has begun by itself, and are back afterwards', async () => {
    const rig = await startAgreementRig();
    await rig.scheduler.stop('SIGKILL');
    letGo(rig.first);
    letGo(rig.second);
    const event = rig.announce(BOTH, 12_000);
    for (const agent of [rig.first, rig.second])
      await expect.poll(async () => await promiseOf(agent), WITHIN).toBe('prepared');
    const state = (): string | undefined =>
      rig.emulator.operations.events().find(({ eventId }) => eventId === event.eventId)?.state;
    while (state() === 'scheduled') {
      for (const agent of [rig.first, rig.second]) expect(await agent.gate()).not.toBe(200);
      await sleep(100);
    }
    expect(event.approvedBy()).toEqual([]);
    await bothBack(rig);
  });

  it('a VM that is named alone approves as always', async () => {
    const rig = await startAgreementRig();
    await rig.scheduler.stop('SIGKILL');
    letGo(rig.first);
    const event = rig.announce(['web1'], LONG_NOTICE_MS);
    await expect.poll(event.approvedBy, WITHIN).toEqual(['web1']);
    await bothBack(rig);
  });
});
