import { beforeEach, describe, expect, it } from 'vitest';
import { subjectHash } from '../../common/agreement/names.ts';
import { applyCommand } from '../../common/agreement/apply-command.ts';
import type { AgreementRecord } from '../../common/agreement/record.ts';
import type { ReportCommand } from '../../common/agreement/command.ts';
import type { Inventory, VmIdentity } from '../../common/protocol/messages.ts';
import type { Store } from '../../scheduler/store/store.ts';
import { execution, givenJob } from '../support/scheduler-store.ts';
import { storeAdapters, storeOfTest } from '../support/store-adapters.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');

describe.each(storeAdapters)('what is kept of the fleet in $name', (adapter) => {
  let store: Store;
  let reopen: () => Promise<void>;

  beforeEach(async () => {
    const given = await storeOfTest(adapter);
    ({ store } = given);
    reopen = async () => {
      store = await given.reopened();
    };
  });

  describe('agreements', () => {
    const report: ReportCommand = {
      kind: 'report',
      scope: 'shop',
      eventId: 'A1B2',
      name: 'Web_0',
      vmId: 'v0',
      number: 1,
      eventType: 'Reboot',
      resources: ['Web_0', 'Web_1'],
      promise: 'prepared',
      deadlineReached: false,
      localIntent: false,
    };
    const opened = applyCommand(undefined, report, { now: NOW, unmanaged: new Set() }).record as AgreementRecord;
    const full: AgreementRecord = {
      ...opened,
      phase: 'intent',
      intent: { by: 'web_0', term: 2, atMs: NOW },
      everIntent: true,
      lease: { holder: 'web_0', expiresAtMs: NOW + 10_000 },
      term: 2,
    };

    it('come back whole, under their id in any case', async () => {
      expect(await store.agreements.read('shop', 'A1B2')).toBeUndefined();
      await store.agreements.write(full, 0, NOW);
      await reopen();
      expect(await store.agreements.read('shop', 'a1b2')).toMatchObject({ record: full, version: 1 });
      expect(await store.agreements.read('other', 'A1B2')).toBeUndefined();
      expect(full.hash).toBe(subjectHash(report));
    });

    it('are written only over the version that was read', async () => {
      expect(await store.agreements.write(opened, 1, NOW)).toBe(false);
      expect(await store.agreements.write(opened, 0, NOW)).toBe(true);
      expect(await store.agreements.write(full, 0, NOW)).toBe(false);
      expect(await store.agreements.write(full, 1, NOW)).toBe(true);
      expect(await store.agreements.write(opened, 1, NOW)).toBe(false);
      expect(await store.agreements.read('shop', 'A1B2')).toMatchObject({ record: full, version: 2 });
    });

    it('let exactly one of many writers through', async () => {
      await store.agreements.write(opened, 0, NOW);
      const results = await Promise.all(
        Array.from({ length: 20 }, async (_none, term) => await store.agreements.write({ ...opened, term }, 1, NOW)),
      );
      expect(results.filter(Boolean)).toHaveLength(1);
    });

    it('are listed newest change first, and forgotten only when they are over', async () => {
      await store.agreements.write(opened, 0, 10);
      await store.agreements.write({ ...opened, eventId: 'ENDED', phase: 'ended' }, 0, 20);
      await store.agreements.write({ ...opened, scope: 'other', eventId: 'C' }, 0, 30);
      expect((await store.agreements.list(10)).map(({ record }) => record.eventId)).toEqual(['C', 'ENDED', 'A1B2']);
      expect((await store.agreements.list(10, 'shop')).map(({ record }) => record.eventId)).toEqual(['ENDED', 'A1B2']);
      expect(await store.agreements.list(1)).toHaveLength(1);
      await store.agreements.prune(100);
      expect((await store.agreements.list(10)).map(({ record }) => record.eventId)).toEqual(['C', 'A1B2']);
    });
  });

  it('keeps the VMs, their first hello and their inventory', async () => {
    const identity: VmIdentity = {
      scope: 'shop',
      name: 'Web_0',
      vmId: 'v0',
      role: 'Web',
      updateDomain: '0',
      faultDomain: '0',
      zone: '',
    };
    const inventory: Inventory = {
      hostname: 'h',
      os: 'o',
      kernel: 'k',
      cpuModel: 'c',
      cpus: 2,
      memoryBytes: 5_000_000_000,
      bootedAtMs: NOW,
      addresses: ['127.0.0.1'],
      disks: [{ mount: '/', sizeBytes: 2, usedBytes: 1 }],
    };
    await store.vms.put({ identity, agentVersion: '1', inventory, firstSeenAtMs: 1, lastSeenAtMs: 1 });
    const changed = { ...identity, name: 'WEB_0', vmId: 'v1' };
    await store.vms.put({
      identity: changed,
      agentVersion: '2',
      inventory: undefined,
      firstSeenAtMs: 5,
      lastSeenAtMs: 5,
    });
    await reopen();
    expect(await store.vms.list()).toEqual([
      { identity: changed, agentVersion: '2', inventory, firstSeenAtMs: 1, lastSeenAtMs: 5 },
    ]);
  });

  it('keeps who was let go, and decides for one of a role after the other', async () => {
    const web = { scope: 'shop', role: 'Web' };
    const seen: string[][] = [];
    const take = async (name: string): Promise<void> => {
      await store.grants.change(web, (grants) => {
        seen.push([...grants.keys()]);
        return new Map([...grants, [name, NOW]]);
      });
    };
    await Promise.all(['a', 'b', 'c'].map(take));
    // Nobody decided without knowing of those before.
    expect(new Set(seen.map(({ length }) => length))).toEqual(new Set([0, 1, 2]));
    await store.grants.change({ scope: 'shop', role: 'Db' }, (grants) => {
      expect([...grants]).toEqual([]);
      return grants;
    });
    await reopen();
    await store.grants.change(web, (grants) => {
      expect(Object.fromEntries(grants)).toEqual({ a: NOW, b: NOW, c: NOW });
      return grants;
    });
  });

  it('keeps rollouts, the newest first', async () => {
    const rollout = {
      id: 'r1',
      job: 'shop/patch',
      attempt: 1,
      status: 'running' as const,
      reason: '',
      task: 'patch',
      parameters: { version: '2', deep: [1, null] },
      timeoutMs: 1000,
      settleMs: 0,
      maxUnavailable: 1,
      startedAtMs: 1,
      vms: [
        { key: 'shop/web_0', name: 'Web_0', phase: 'draining' as const, sinceMs: 1, sentOver: 'c1', outUntilMs: 9 },
      ],
    };
    await store.replicas.beat({ name: 'a', region: undefined }, 10_000);
    const job = await givenJob(store, NOW);
    for (const id of ['r1', 'r2']) await store.executions.add(execution(job, { id }));
    expect(await store.rollouts.put(rollout)).toBe(true);
    await store.rollouts.put({ ...rollout, status: 'completed', endedAtMs: 7 });
    await store.rollouts.put({ ...rollout, id: 'r2', startedAtMs: 2 });
    expect((await store.rollouts.underWay()).map(({ id }) => id)).toEqual(['r2']);
    await store.executions.finish(execution(job, { id: 'r2', status: 'failed', endedAtMs: NOW }), [], undefined);
    expect(await store.rollouts.underWay()).toEqual([]);
    await reopen();
    expect(await store.rollouts.find('r1')).toEqual({ ...rollout, status: 'completed', endedAtMs: 7 });
    expect((await store.rollouts.list(10)).map(({ id }) => id)).toEqual(['r2', 'r1']);
    expect(await store.rollouts.find('r9')).toBeUndefined();
  });
});
