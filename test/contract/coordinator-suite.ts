import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { LEASE_MS, type AgreementRecord } from '../../common/agreement/record.ts';
import { subjectHash } from '../../common/agreement/names.ts';
import type { AgreementCommand } from '../../common/agreement/command.ts';
import type { Agreements, Answer } from '../../agent/coordinator/coordinator.ts';
import type { CoordinatorAdapter, CoordinatorFleet } from '../support/coordinator-adapters.ts';

const SCOPE = 'shop';
const NAMES = ['web_0', 'web_1', 'web_2', 'web_3', 'web_4'];

interface Member {
  readonly name: string;
  readonly agreements: Agreements;
  readonly heard: AgreementRecord[];
  readonly news: string[];
}

/** Connecting and hearing of each other go over real sockets, on a machine that may be busy. */
const WITHIN = { timeout: 20_000, interval: 5 } as const;

/** What every coordinator must do for VMs that agree by it. */
export function describeCoordinator(adapter: CoordinatorAdapter): void {
  describe(`agreements kept by ${adapter.name}`, () => {
    let fleet: CoordinatorFleet;
    let eventNumber = 0;
    let eventId = '';

    beforeAll(async () => {
      fleet = await adapter.start();
    });

    afterAll(async () => {
      await fleet.close();
    });

    beforeEach(() => {
      eventId = `00000000-0000-0000-0000-${String(++eventNumber).padStart(12, '0')}`;
    });

    const join = async (name: string, scope = SCOPE, vmId = `id-of-${name}`): Promise<Member> => {
      const heard: AgreementRecord[] = [];
      const news: string[] = [];
      const agreements = await fleet.join(
        { scope, name, vmId },
        {
          connected: () => news.push('connected'),
          disconnected: () => news.push('disconnected'),
          record: (record) => heard.push(record),
        },
      );
      onTestFinished(() => {
        agreements.close();
      });
      agreements.open();
      await settled(() => news.includes('connected'));
      return { name, agreements, heard, news };
    };

    const settled = async (isSettled: () => boolean): Promise<void> => {
      // Adapters that look at their store from time to time do so by the test's clock.
      await expect
        .poll(async () => {
          if (!isSettled()) await fleet.look();
          return isSettled();
        }, WITHIN)
        .toBe(true);
    };

    const report = (
      name: string,
      change: Partial<Extract<AgreementCommand, { kind: 'report' }>> = {},
    ): AgreementCommand => ({
      kind: 'report',
      scope: SCOPE,
      eventId,
      name,
      vmId: `id-of-${name}`,
      number: 1,
      eventType: 'Reboot',
      resources: NAMES.slice(0, 2),
      promise: 'binding',
      deadlineReached: false,
      localIntent: false,
      ...change,
    });

    const hashOf = (resources: readonly string[]): string => subjectHash({ eventId, eventType: 'Reboot', resources });
    const campaign = (holder: string): AgreementCommand => ({ kind: 'campaign', scope: SCOPE, eventId, holder });
    const intend = (
      holder: string,
      term: number,
      resources: readonly string[] = NAMES.slice(0, 2),
    ): AgreementCommand => ({
      kind: 'intend',
      scope: SCOPE,
      eventId,
      holder,
      term,
      hash: hashOf(resources),
    });

    it('a report opens the record; its number counts up, and a repetition is no other write', async () => {
      const { agreements } = await join('web_0');
      expect(await agreements.submit(report('web_0', { number: 3 }))).toMatchObject({
        outcome: { kind: 'accepted' },
        record: {
          phase: 'preparing',
          term: 0,
          everIntent: false,
          members: { web_0: { number: 3, promise: 'binding' } },
        },
      });
      expect((await agreements.submit(report('web_0', { number: 3 })))?.outcome).toEqual({ kind: 'accepted' });
      expect((await agreements.submit(report('web_0', { number: 2, promise: 'prepared' })))?.outcome).toEqual({
        kind: 'refused',
        reason: 'stale-number',
      });
      expect((await agreements.submit(report('web_0', { number: 3, promise: 'prepared' })))?.outcome).toEqual({
        kind: 'refused',
        reason: 'stale-number',
      });
    });

    it('nothing can be written about an event that nobody has reported', async () => {
      const { agreements } = await join('web_0');
      expect(await agreements.submit(campaign('web_0'))).toEqual({
        outcome: { kind: 'refused', reason: 'no-record' },
        record: undefined,
      });
    });

    it('five VMs that report at the same moment are all in the record', async () => {
      const members = await Promise.all(NAMES.map(async (name) => await join(name)));
      const answers = await Promise.all(
        members.map(async ({ name, agreements }) => await agreements.submit(report(name, { resources: NAMES }))),
      );
      expect(answers.map((answer) => answer?.outcome)).toEqual(NAMES.map(() => ({ kind: 'accepted' })));
      const [record] = (await members[0]?.agreements.reconcile())?.filter((one) => one.eventId === eventId) ?? [];
      expect(Object.keys(record?.members ?? {}).toSorted()).toEqual(NAMES);
    });

    it('of five candidates at the same moment one leads', async () => {
      const members = await Promise.all(NAMES.map(async (name) => await join(name)));
      await members[0]?.agreements.submit(report('web_0', { resources: NAMES }));
      const answers = await Promise.all(
        members.map(async ({ name, agreements }) => await agreements.submit(campaign(name))),
      );
      const kinds = answers.map((answer) => answer?.outcome.kind ?? 'no answer').toSorted();
      expect(kinds).toEqual(['accepted', 'refused', 'refused', 'refused', 'refused']);
      expect(answers.map((answer) => answer?.record?.term)).toEqual([1, 1, 1, 1, 1]);
    });

    it('a lease that is renewed stays; one that is not is taken over in the next term, and the old term is over', async () => {
      const first = await join('web_0');
      const second = await join('web_1');
      await first.agreements.submit(report('web_0', { promise: 'prepared' }));
      await second.agreements.submit(report('web_1', { promise: 'prepared' }));
      expect(await first.agreements.submit(campaign('web_0'))).toMatchObject({ record: { term: 1 } });
      expect(await second.agreements.submit(campaign('web_1'))).toMatchObject({ outcome: { reason: 'lease-held' } });
      await fleet.advance(LEASE_MS * 0.6);
      expect(await first.agreements.submit(campaign('web_0'))).toMatchObject({ record: { term: 1 } });
      await fleet.advance(LEASE_MS * 0.6);
      expect(await second.agreements.submit(campaign('web_1'))).toMatchObject({ outcome: { reason: 'lease-held' } });
      await fleet.advance(LEASE_MS + 1);
      expect(await second.agreements.submit(campaign('web_1'))).toMatchObject({
        outcome: { kind: 'accepted' },
        record: { term: 2, lease: { holder: 'web_1' } },
      });
      expect(await first.agreements.submit(intend('web_0', 1))).toMatchObject({ outcome: { reason: 'stale-term' } });
      expect(await second.agreements.submit(intend('web_1', 2))).toMatchObject({
        outcome: { kind: 'accepted' },
        record: { phase: 'intent', everIntent: true, intent: { by: 'web_1', term: 2 } },
      });
    });

    it('no intent before every VM named has promised, and no withdrawal after one', async () => {
      const first = await join('web_0');
      const second = await join('web_1');
      await first.agreements.submit(report('web_0', { promise: 'prepared' }));
      await first.agreements.submit(campaign('web_0'));
      expect(await first.agreements.submit(intend('web_0', 1))).toMatchObject({ outcome: { reason: 'not-ready' } });
      await second.agreements.submit(report('web_1'));
      expect(await first.agreements.submit(intend('web_0', 1))).toMatchObject({ outcome: { reason: 'not-ready' } });
      await second.agreements.submit(report('web_1', { number: 2, promise: 'prepared' }));
      expect(await first.agreements.submit(intend('web_0', 1))).toMatchObject({ outcome: { kind: 'accepted' } });
      const withdraw = {
        kind: 'withdraw',
        scope: SCOPE,
        eventId,
        name: 'web_1',
        vmId: 'id-of-web_1',
        number: 3,
      } as const;
      expect(await second.agreements.submit(withdraw)).toMatchObject({ outcome: { reason: 'intent-recorded' } });
    });

    it('an intent and a withdrawal at the same moment: one of them, never both', async () => {
      const first = await join('web_0');
      const second = await join('web_1');
      await first.agreements.submit(report('web_0', { promise: 'prepared' }));
      await second.agreements.submit(report('web_1', { promise: 'prepared' }));
      await first.agreements.submit(campaign('web_0'));
      const withdraw = {
        kind: 'withdraw',
        scope: SCOPE,
        eventId,
        name: 'web_1',
        vmId: 'id-of-web_1',
        number: 2,
      } as const;
      const answers = await Promise.all([
        first.agreements.submit(intend('web_0', 1)),
        second.agreements.submit(withdraw),
      ]);
      expect(answers.map((answer: Answer | undefined) => answer?.outcome.kind ?? 'no answer').toSorted()).toEqual([
        'accepted',
        'refused',
      ]);
    });

    it('everything accepted is there for a VM that starts anew, and nothing of another scope', async () => {
      const first = await join('web_0');
      await first.agreements.submit(report('web_0', { promise: 'prepared', number: 7 }));
      first.agreements.close();
      const again = await join('web_0');
      const records = await again.agreements.reconcile();
      expect(records?.find((record) => record.eventId === eventId)?.members['web_0']).toMatchObject({
        promise: 'prepared',
        number: 7,
      });
      const stranger = await join('web_0', 'other', 'id-elsewhere');
      expect(await stranger.agreements.reconcile()).toEqual([]);
    });

    it('a VM hears what the others have written', async () => {
      const first = await join('web_0');
      const second = await join('web_1');
      await first.agreements.submit(report('web_0'));
      await second.agreements.submit(report('web_1', { promise: 'prepared' }));
      await settled(() => first.heard.some((record) => record.members['web_1']?.promise === 'prepared'));
    });

    it('a VM that has been quiet hears of its next event as soon', async () => {
      const first = await join('web_0');
      const second = await join('web_1');
      await fleet.advance(1);
      await first.agreements.submit(report('web_0'));
      await second.agreements.submit(report('web_1', { promise: 'prepared' }));
      // Two and a half seconds, where a store has to be looked at.
      let looks = 0;
      await expect
        .poll(async () => {
          if (looks++ < 5) await fleet.look();
          return first.heard.some((record) => record.members['web_1']?.promise === 'prepared');
        }, WITHIN)
        .toBe(true);
    });

    it('a second machine under the same name cannot overwrite what the first has promised', async () => {
      const { agreements } = await join('web_0');
      await agreements.submit(report('web_0', { promise: 'prepared' }));
      const answer = await agreements.submit(report('web_0', { vmId: 'clone', number: 9 }));
      expect(answer?.outcome).toEqual({ kind: 'refused', reason: 'other-identity' });
    });

    it('without a connection there is no answer; when it is back, it says so', async () => {
      const { agreements, news } = await join('web_0');
      await agreements.submit(report('web_0'));
      fleet.cutOff();
      await expect
        .poll(async () => {
          expect(await agreements.submit(report('web_0', { number: 2 }))).toBeUndefined();
          await fleet.look();
          return news;
        }, WITHIN)
        .toContain('disconnected');
      fleet.heal();
      news.length = 0;
      await settled(() => news.includes('connected'));
      expect((await agreements.submit(report('web_0', { number: 3 })))?.outcome).toEqual({ kind: 'accepted' });
    });
  });
}
