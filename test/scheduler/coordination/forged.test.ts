import { beforeEach, describe, expect, it } from 'vitest';
import { subjectHash } from '../../../common/agreement/names.ts';
import { LEASE_MS, type AgreementRecord } from '../../../common/agreement/record.ts';
import type { AgreementCommand, Refusal, ReportCommand } from '../../../common/agreement/command.ts';
import { silentLog } from '../../../common/runtime/log.ts';
import { createCoordination, type Coordination } from '../../../scheduler/coordination/coordination.ts';
import type { AgreementStore } from '../../../scheduler/store/store.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { vmIdentity } from '../../support/running-scheduler.ts';
import { memoryStore } from '../../support/scheduler-store.ts';

const EVENT = { scope: 'shop', eventId: 'E1' };
const RESOURCES = ['web_0', 'web_1'];
const HASH = subjectHash({ eventId: 'E1', eventType: 'Reboot', resources: RESOURCES });

const report = (name: string, number: number, change: Partial<ReportCommand> = {}): AgreementCommand => ({
  kind: 'report',
  ...EVENT,
  name,
  vmId: `id-of-${name}`,
  number,
  eventType: 'Reboot',
  resources: RESOURCES,
  promise: 'prepared',
  deadlineReached: false,
  localIntent: false,
  ...change,
});
const withdraw = (name: string, number: number): AgreementCommand => ({
  kind: 'withdraw',
  ...EVENT,
  name,
  vmId: `id-of-${name}`,
  number,
});
const campaign = (holder: string): AgreementCommand => ({ kind: 'campaign', ...EVENT, holder });
const reopen = (holder: string, term: number): AgreementCommand => ({
  kind: 'reopen',
  ...EVENT,
  holder,
  term,
  eventType: 'Reboot',
  resources: ['web_0'],
});
const intend = (holder: string, term: number): AgreementCommand => ({
  kind: 'intend',
  ...EVENT,
  holder,
  term,
  hash: HASH,
});
const approve = (holder: string, term: number): AgreementCommand => ({ kind: 'approve', ...EVENT, holder, term });
const end = (holder: string, term: number): AgreementCommand => ({ kind: 'end', ...EVENT, holder, term });

let coordination: Coordination;
let store: AgreementStore;
let clock: FakeClock;

beforeEach(async () => {
  clock = new FakeClock();
  const memory = await memoryStore();
  store = memory.agreements;
  coordination = createCoordination({
    store,
    grants: memory.grants,
    clock,
    log: silentLog,
    unmanaged: new Set(),
    publish: () => {},
    push: () => {},
    nameOf: (_record, canonical) => canonical,
  });
});

async function submit(from: string, command: AgreementCommand, vmId = `id-of-${from}`): Promise<string> {
  const { outcome } = await coordination.submit(vmIdentity(from, { vmId }), command);
  return outcome.kind === 'accepted' ? 'accepted' : outcome.reason;
}

async function accept(from: string, command: AgreementCommand): Promise<void> {
  expect(await submit(from, command)).toBe('accepted');
}

async function stored(): Promise<AgreementRecord | undefined> {
  return (await store.read('shop', 'E1'))?.record;
}

/** Refused for that reason, counted under it, and nothing has changed. */
async function refused(from: string, command: AgreementCommand, reason: Refusal, vmId?: string): Promise<void> {
  const before = { record: await stored(), count: coordination.refusals()[reason] ?? 0 };
  expect(await submit(from, command, vmId)).toBe(reason);
  expect({ record: await stored(), count: coordination.refusals()[reason] }).toEqual({
    record: before.record,
    count: before.count + 1,
  });
}

/** Both have promised, web_0 leads in term 1. */
async function led(): Promise<void> {
  await accept('web_0', report('web_0', 3));
  await accept('web_1', report('web_1', 3));
  await accept('web_0', campaign('web_0'));
}

/** As `led`, but web_0 was not heard of for longer than its lease, and web_1 leads in term 2. */
async function overtaken(): Promise<void> {
  await led();
  await clock.advance(LEASE_MS);
  await accept('web_1', campaign('web_1'));
}

describe('of an older term', () => {
  it.each([
    ['an intent', intend],
    ['an approval', approve],
    ['a reopening', reopen],
    ['an end', end],
  ] as const)('%s is refused and counted', async (_what, command) => {
    await overtaken();
    await refused('web_0', command('web_0', 1), 'stale-term');
    // Nor does it help to name the term of another.
    await refused('web_0', command('web_0', 2), 'stale-term');
  });

  it('the intent of a leader whose lease has lapsed is refused and counted', async () => {
    await led();
    await clock.advance(LEASE_MS);
    await refused('web_0', intend('web_0', 1), 'lease-expired');
  });

  it('what a VM wrote in its own earlier lease is refused and counted', async () => {
    await led();
    await clock.advance(LEASE_MS);
    await accept('web_0', campaign('web_0'));
    await refused('web_0', intend('web_0', 1), 'stale-term');
    await accept('web_0', intend('web_0', 2));
  });
});

describe('in the name of another VM', () => {
  it.each([
    ['a promise', report('web_1', 9)],
    ['a withdrawal', withdraw('web_1', 9)],
    ['a candidacy', campaign('web_1')],
    ['an intent', intend('web_1', 2)],
    ['an approval', approve('web_1', 2)],
    ['a reopening', reopen('web_1', 2)],
    ['an end', end('web_1', 2)],
    ['a force', { kind: 'force', ...EVENT, by: 'web_0', reason: 'it wants to' }],
  ] as const)('%s is refused and counted', async (_what, command) => {
    await overtaken();
    await refused('web_0', command, 'other-identity');
  });

  it('a promise under another vmId than the connection’s is refused and counted', async () => {
    await led();
    await refused('web_0', report('web_0', 9, { vmId: 'id-of-web_1' }), 'other-identity');
  });

  it('a promise of a second machine of the same name is refused and counted', async () => {
    await led();
    await refused('web_0', report('web_0', 9, { vmId: 'id-of-a-clone' }), 'other-identity', 'id-of-a-clone');
  });

  it('a promise in another scope is refused and counted', async () => {
    await led();
    await refused('web_0', { ...report('web_0', 9), scope: 'other' }, 'other-identity');
  });
});

describe('replayed', () => {
  it('an older promise is refused and counted', async () => {
    await led();
    await refused('web_1', report('web_1', 2), 'stale-number');
  });

  it('a number with another promise is refused and counted', async () => {
    await led();
    await refused('web_1', report('web_1', 3, { promise: 'consented' }), 'stale-number');
  });

  it('a promise that was withdrawn since is refused and counted', async () => {
    await led();
    await accept('web_1', withdraw('web_1', 4));
    await refused('web_1', report('web_1', 3), 'stale-number');
    await refused('web_1', report('web_1', 4), 'stale-number');
  });

  it('a withdrawal is refused and counted once there was an intent', async () => {
    await led();
    await accept('web_0', intend('web_0', 1));
    await refused('web_1', withdraw('web_1', 3), 'stale-number');
    await refused('web_1', withdraw('web_1', 4), 'intent-recorded');
  });

  it('a promise from before the event was ended and came back is refused and counted', async () => {
    await led();
    await accept('web_0', end('web_0', 1));
    await accept('web_0', { ...reopen('web_0', 1), resources: RESOURCES } as AgreementCommand);
    await refused('web_1', report('web_1', 3), 'stale-number');
    await refused('web_0', intend('web_0', 1), 'not-ready');
  });
});
