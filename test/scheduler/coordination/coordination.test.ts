import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { subjectHash } from '../../../common/agreement/names.ts';
import { LEASE_MS, type AgreementRecord } from '../../../common/agreement/record.ts';
import { REFUSALS, type AgreementCommand, type ReportCommand } from '../../../common/agreement/command.ts';
import { silentLog } from '../../../common/runtime/log.ts';
import { createCoordination, type Coordination } from '../../../scheduler/coordination/coordination.ts';
import type { GrantStore } from '../../../scheduler/coordination/leaving.ts';
import { describeChange } from '../../../scheduler/coordination/describe.ts';
import type { AgreementStore } from '../../../scheduler/store/store.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { vmIdentity } from '../../support/running-scheduler.ts';
import { memoryStore } from '../../support/scheduler-store.ts';

const EVENT = { scope: 'shop', eventId: 'E1' };
const HASH = subjectHash({ eventId: 'E1', eventType: 'Reboot', resources: ['web_0', 'web_1'] });

interface Rig {
  readonly coordination: Coordination;
  readonly clock: FakeClock;
  readonly store: AgreementStore;
  readonly grants: GrantStore;
  readonly pushed: AgreementRecord[];
}

async function rig(wrap: (store: AgreementStore) => AgreementStore = (store) => store): Promise<Rig> {
  const clock = new FakeClock();
  const { agreements: store, grants } = await memoryStore();
  const pushed: AgreementRecord[] = [];
  const coordination = createCoordination({
    store: wrap(store),
    grants,
    clock,
    log: silentLog,
    unmanaged: new Set(),
    publish: () => {},
    push: (record) => pushed.push(record),
    nameOf: (_record, canonical) => canonical,
  });
  return { coordination, clock, store, grants, pushed };
}

function report(name: string, change: Partial<ReportCommand> = {}): ReportCommand {
  return {
    kind: 'report',
    ...EVENT,
    name,
    vmId: `id-of-${name}`,
    number: 1,
    eventType: 'Reboot',
    resources: ['web_0', 'web_1'],
    promise: 'prepared',
    deadlineReached: false,
    localIntent: false,
    ...change,
  };
}

const submit = async (
  { coordination }: Rig,
  name: string,
  command: AgreementCommand,
  vmId?: string,
): Promise<string> => {
  const identity = vmIdentity(name, vmId === undefined ? {} : { vmId });
  const { outcome } = await coordination.submit(identity, command);
  return outcome.kind === 'accepted' ? 'accepted' : outcome.reason;
};

const campaign = (holder: string): AgreementCommand => ({ kind: 'campaign', ...EVENT, holder });
const intend = (holder: string, term = 1, hash = HASH): AgreementCommand => ({
  kind: 'intend',
  ...EVENT,
  holder,
  term,
  hash,
});
const approve = (holder: string, term = 1): AgreementCommand => ({ kind: 'approve', ...EVENT, holder, term });
const withdraw = (name: string, number: number): AgreementCommand => ({
  kind: 'withdraw',
  ...EVENT,
  name,
  vmId: `id-of-${name}`,
  number,
});

describe('coordination', () => {
  it('refuses with every reason there is, counts it, and changes nothing', async () => {
    const given = await rig();
    const seen: string[] = [];
    const refused = async (name: string, command: AgreementCommand, reason: string, vmId?: string): Promise<void> => {
      const before = await given.store.read('shop', 'E1');
      expect([command.kind, await submit(given, name, command, vmId)]).toEqual([command.kind, reason]);
      expect(await given.store.read('shop', 'E1')).toEqual(before);
      seen.push(reason);
    };
    await refused('web_0', campaign('web_0'), 'no-record');
    await submit(given, 'web_0', report('web_0', { number: 5 }));
    await refused('web_0', report('web_0', { number: 4 }), 'stale-number');
    await refused('web_0', report('web_0', { number: 6, vmId: 'new' }), 'other-identity', 'new');
    await refused('web_7', campaign('web_7'), 'not-a-member');
    await submit(given, 'web_0', campaign('web_0'));
    await refused('web_1', campaign('web_1'), 'lease-held');
    await refused('web_0', intend('web_0', 7), 'stale-term');
    await refused('web_0', intend('web_0', 1, 'other'), 'hash-differs');
    await refused('web_0', intend('web_0'), 'not-ready');
    await refused('web_0', approve('web_0'), 'wrong-phase');
    await submit(given, 'web_1', report('web_1'));
    await given.clock.advance(LEASE_MS);
    await refused('web_0', intend('web_0'), 'lease-expired');
    await submit(given, 'web_0', campaign('web_0'));
    expect(await submit(given, 'web_0', intend('web_0', 2))).toBe('accepted');
    await refused('web_1', withdraw('web_1', 9), 'intent-recorded');
    // Of a store that could lose it, which the next test is about.
    expect(new Set([...seen, 'withdrawal-unsafe'])).toEqual(new Set(REFUSALS));
    expect(Object.values(given.coordination.refusals()).reduce((sum, count) => sum + count, 0)).toBe(seen.length);
  });

  it('takes nothing back where the store could lose that, and everything else', async () => {
    const given = await rig((store) => ({ ...store, mayWithdraw: false }));
    expect(await submit(given, 'web_0', report('web_0', { number: 5 }))).toBe('accepted');
    expect(await submit(given, 'web_0', withdraw('web_0', 6))).toBe('withdrawal-unsafe');
    const stepsBack = report('web_0', { number: 7, promise: 'binding', stepsBack: true });
    expect(await submit(given, 'web_0', stepsBack)).toBe('withdrawal-unsafe');
    expect((await given.store.read('shop', 'E1'))?.record.members['web_0']?.number).toBe(5);
    expect(await submit(given, 'web_0', { ...stepsBack, stepsBack: undefined })).toBe('accepted');
  });

  it('pushes a record when it changes, and only then', async () => {
    const given = await rig();
    await submit(given, 'web_0', report('web_0'));
    await submit(given, 'web_0', report('web_0'));
    await submit(given, 'web_0', approve('web_0'));
    expect(given.pushed.length).toBeGreaterThan(0);
    expect(given.pushed.at(-1)).toEqual((await given.store.read('shop', 'E1'))?.record);
    const count = given.pushed.length;
    await submit(given, 'web_1', intend('web_1'));
    expect(given.pushed).toHaveLength(count);
  });

  it('loses no write when many come at once, and grants one lease', async () => {
    const given = await rig();
    const names = Array.from({ length: 12 }, (_none, index) => `web_${index}`);
    await Promise.all(names.map(async (name) => await submit(given, name, report(name, { resources: names }))));
    const outcomes = await Promise.all(names.map(async (name) => await submit(given, name, campaign(name))));
    const stored = await given.store.read('shop', 'E1');
    expect(Object.keys(stored?.record.members ?? {}).toSorted()).toEqual(names.toSorted());
    expect(outcomes.filter((outcome) => outcome === 'accepted')).toHaveLength(1);
    expect(stored?.record.term).toBe(1);
  });

  it('applies a command anew to what another process has written meanwhile', async () => {
    let overtake: (() => Promise<void>) | undefined;
    const given = await rig((store) => ({
      ...store,
      write: async (...parameters) => {
        const first = overtake;
        overtake = undefined;
        await first?.();
        return await store.write(...parameters);
      },
    }));
    await submit(given, 'web_0', report('web_0'));
    await submit(given, 'web_1', report('web_1'));
    await submit(given, 'web_0', campaign('web_0'));
    // Another replica records the intent between this one's read and write: the withdrawal must then be refused.
    overtake = async () => {
      const stored = await given.store.read('shop', 'E1');
      if (stored !== undefined)
        await given.store.write({ ...stored.record, phase: 'intent', everIntent: true }, stored.version, 1);
    };
    expect(await submit(given, 'web_1', withdraw('web_1', 2))).toBe('intent-recorded');
  });

  it('gives up on a record that always changes, rather than to answer what is not true', async () => {
    const given = await rig((store) => ({ ...store, write: async () => await Promise.resolve(false) }));
    await expect(submit(given, 'web_0', report('web_0'))).rejects.toThrow('changed 20 times');
  });

  it('claims the VMs of events that are under way, until they are released or the event is over', async () => {
    const given = await rig();
    await submit(given, 'web_0', report('web_0'));
    await submit(given, 'web_1', report('web_1'));
    expect([...given.coordination.claimedKeys()]).toEqual(['shop/web_0', 'shop/web_1']);
    await submit(given, 'web_0', report('web_0', { number: 2, promise: 'released' }));
    expect([...given.coordination.claimedKeys()]).toEqual(['shop/web_1']);
    await submit(given, 'web_1', campaign('web_1'));
    await submit(given, 'web_1', { kind: 'end', ...EVENT, holder: 'web_1', term: 1 });
    expect([...given.coordination.claimedKeys()]).toEqual([]);
  });

  it('knows after a restart whom events claim', async () => {
    const given = await rig();
    await submit(given, 'web_0', report('web_0'));
    const restarted = createCoordination({
      store: given.store,
      grants: given.grants,
      clock: given.clock,
      log: silentLog,
      unmanaged: new Set(),
      publish: () => {},
      push: () => {},
      nameOf: (_record, canonical) => canonical,
    });
    await restarted.load();
    expect([...restarted.claimedKeys()]).toEqual(['shop/web_0', 'shop/web_1']);
    // An event that nobody has reported on for an hour claims nobody.
    await given.clock.advance(3_600_001);
    expect([...restarted.claimedKeys()]).toEqual([]);
  });

  it('says of a VM that is held that it is, once and again after a while', async () => {
    const said: string[] = [];
    const { agreements, grants } = await memoryStore();
    const clock = new FakeClock();
    const coordination = createCoordination({
      store: agreements,
      grants,
      clock,
      log: silentLog,
      unmanaged: new Set(),
      publish: ({ kind, vm, detail }) => said.push(`${kind} ${vm ?? ''}: ${String(detail)}`),
      push: () => {},
      nameOf: (_record, canonical) => canonical,
    });
    const vm = vmIdentity('Web_0');
    for (const waitMs of [0, 5000, 5000, 690_000]) {
      await clock.advance(waitMs);
      expect(await coordination.mayLeave(vm, 1, [])).toMatchObject({ granted: false });
    }
    const news =
      'vm.held Web_0: stays in service for now: 0 others of role FrontEnd are in service, at least 1 are wanted';
    expect(said).toEqual([news, news]);
    const other = { key: 'shop/web_1', scope: 'shop', role: 'FrontEnd', isServing: true };
    expect(await coordination.mayLeave(vm, 1, [other])).toMatchObject({ granted: true });
    expect(await coordination.mayLeave(vmIdentity('Web_1'), 1, [{ ...other, key: 'shop/web_0' }])).toMatchObject({
      granted: false,
    });
  });

  it('lets nothing but the commands of one VM through one connection, whatever they say', async () => {
    const given = await rig();
    await submit(given, 'web_1', report('web_1'));
    const before = await given.store.read('shop', 'E1');
    const name = fc.constantFrom('web_1', 'WEB_1', '_web_1', 'web_01', '');
    const foreign: fc.Arbitrary<AgreementCommand> = fc.oneof(
      name.map((holder) => campaign(holder)),
      name.map((holder) => intend(holder)),
      name.map((holder) => approve(holder)),
      fc.tuple(name, fc.nat(9)).map(([other, number]) => withdraw(other, number)),
      fc.tuple(name, fc.nat(9)).map(([other, number]) => report(other, { number })),
    );
    await fc.assert(
      fc.asyncProperty(foreign, async (command) => {
        expect(await submit(given, 'web_0', command)).toBe('other-identity');
      }),
      { numRuns: 100 },
    );
    expect(await given.store.read('shop', 'E1')).toEqual(before);
  });
});

describe('what a change of a record means to people', () => {
  it('is said once, with the names people know', async () => {
    const given = await rig();
    const said: string[] = [];
    let before: AgreementRecord | undefined;
    const step = async (name: string, command: AgreementCommand): Promise<void> => {
      await submit(given, name, command);
      const after = (await given.store.read('shop', 'E1'))?.record;
      if (after === undefined) return;
      said.push(
        ...describeChange(before, after, (canonical) => canonical.toUpperCase()).map(
          ({ kind, detail }) => `${kind}: ${detail}`,
        ),
      );
      before = after;
    };
    await step('web_0', report('web_0'));
    await step('web_1', report('web_1'));
    await step('web_1', withdraw('web_1', 2));
    await step('web_0', campaign('web_0'));
    await step('web_0', { kind: 'end', ...EVENT, holder: 'web_0', term: 1 });
    await step('web_0', {
      kind: 'reopen',
      ...EVENT,
      holder: 'web_0',
      term: 1,
      eventType: 'Reboot',
      resources: ['web_0'],
    });
    expect(said).toEqual([
      'agreement.preparing: Reboot of WEB_0, WEB_1: promises are collected',
      'agreement.aborted: WEB_1 stays in service: its operator withdrew it',
      'lease.won: WEB_0 leads (term 1)',
      'agreement.ended: the event is over',
      'agreement.preparing: the event now names WEB_0: promises are collected again',
    ]);
  });
});
