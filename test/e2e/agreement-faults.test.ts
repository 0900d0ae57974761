import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { LEASE_MS } from '../../common/agreement/record.ts';
import { letGo } from './agent-rig.ts';
import { bothBack, leaderOf, promiseOf, startAgreementRig, WITHIN } from './agreement-rig.ts';

const BOTH = ['web1', 'web2'];
const LONG_NOTICE_MS = 120_000;
/** Lease, the second candidate's pause, its drain, and what a busy machine adds. */
const TAKEOVER_WITHIN_MS = 20_000;

describe('a leader that does not know that it is none any more', () => {
  it('stopped for longer than its lease: another takes over, and it harms nobody when it goes on', async () => {
    const rig = await startAgreementRig();
    const event = rig.announce(BOTH, LONG_NOTICE_MS);
    letGo(rig.first);
    await expect.poll(async () => await leaderOf(rig.second), WITHIN).toBe('web1');
    rig.first.program.child.kill('SIGSTOP');
    const stoppedMs = performance.now();
    letGo(rig.second);
    await expect.poll(event.approvedBy, WITHIN).toEqual(['web2']);
    const tookMs = performance.now() - stoppedMs;
    expect(tookMs).toBeLessThan(TAKEOVER_WITHIN_MS);
    await sleep(Math.max(0, LEASE_MS + 1000 - tookMs));
    expect(await rig.first.gate()).toBe(0);
    rig.first.program.child.kill('SIGCONT');
    await bothBack(rig);
    // What it still had to send was an approval of what all had promised, if anything.
    expect(event.approvedBy().filter((name) => name !== 'web1')).toEqual(['web2']);
  });

  it('stopped for longer than its lease while another still drains: it approves nothing when it goes on', async () => {
    const rig = await startAgreementRig();
    const event = rig.announce(BOTH, LONG_NOTICE_MS);
    letGo(rig.first);
    await expect.poll(async () => await leaderOf(rig.second), WITHIN).toBe('web1');
    rig.first.program.child.kill('SIGSTOP');
    await sleep(LEASE_MS + 2000);
    rig.first.program.child.kill('SIGCONT');
    await expect.poll(async () => (await rig.first.status()).events[0]?.record?.term, WITHIN).toBeGreaterThan(1);
    // It leads again, in another term, and has all the time it needs to approve if it wanted to.
    for (const leadsSinceMs = performance.now(); performance.now() - leadsSinceMs < 3000;) {
      expect(event.approvedBy()).toEqual([]);
      await sleep(100);
    }
    expect(await promiseOf(rig.first)).toBe('prepared');
    expect(await rig.first.gate()).toBe(503);
    letGo(rig.second);
    await expect.poll(event.approvedBy, WITHIN).toHaveLength(1);
    await bothBack(rig);
  });

  it('on a half-open connection: another takes over, and it sends no approval', async () => {
    const rig = await startAgreementRig();
    const event = rig.announce(BOTH, LONG_NOTICE_MS);
    letGo(rig.first);
    await expect.poll(async () => await leaderOf(rig.second), WITHIN).toBe('web1');
    rig.networks[0].freeze();
    const frozenMs = performance.now();
    letGo(rig.second);
    await expect.poll(event.approvedBy, WITHIN).toEqual(['web2']);
    expect(performance.now() - frozenMs).toBeLessThan(TAKEOVER_WITHIN_MS);
    rig.networks[0].heal();
    await bothBack(rig);
    expect(event.approvedBy()).toEqual(['web2']);
  });

  it('cut off: another takes over; it stays out of service, and comes back when the event is over', async () => {
    const rig = await startAgreementRig();
    const event = rig.announce(BOTH, LONG_NOTICE_MS);
    letGo(rig.first);
    await expect.poll(async () => await leaderOf(rig.second), WITHIN).toBe('web1');
    rig.networks[0].cutOff();
    letGo(rig.second);
    await expect.poll(event.approvedBy, WITHIN).toEqual(['web2']);
    await bothBack(rig);
    expect((await rig.first.status()).coordinator).toBe('disconnected');
    expect(event.approvedBy()).toEqual(['web2']);
  });
});
