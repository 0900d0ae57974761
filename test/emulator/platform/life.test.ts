import { describe, expect, it } from 'vitest';
import { applyCommand } from '../../../emulator/platform/apply.ts';
import { documentFor } from '../../../emulator/platform/document.ts';
import { advance, nextDeadline } from '../../../emulator/platform/life.ts';
import { DEFAULT_PLATFORM_SETTINGS, eventOrUndefined, type PlatformState } from '../../../emulator/platform/state.ts';
import { apply, EVENT_ID, platform, scheduled, START_MS } from '../support.ts';

const MINUTE = 60_000;
const enable = { kind: 'enable', vm: 'web1' } as const;
const document = (state: PlatformState, vm = 'web1') => documentFor(state, vm)?.document;

describe('an announced event', () => {
  it('appears with the least notice of its type, to every VM of the scope and to no other', () => {
    const { state } = apply(platform(), START_MS, enable, scheduled('Reboot', ['WEB1']));
    expect(document(state, 'web3')?.Events).toMatchObject([
      { EventStatus: 'Scheduled', Resources: ['web1'], NotBefore: 'Fri, 20 Nov 2026 12:15:00 GMT' },
    ]);
    expect(document(state, 'db1')?.Events).toEqual([]);
  });

  it.each([
    ['Freeze', 15 * MINUTE],
    ['Reboot', 15 * MINUTE],
    ['Redeploy', 10 * MINUTE],
    ['Preempt', 30_000],
    ['Terminate', 5 * MINUTE],
  ] as const)('of type %s is announced %i ms ahead', (type, noticeMs) => {
    const { state } = apply(platform(), START_MS, scheduled(type, ['web1']));
    expect(eventOrUndefined(state, EVENT_ID)?.notBeforeMs).toBe(START_MS + noticeMs);
  });

  it('never starts before the whole second that the document shows', () => {
    const { state } = apply(platform(), START_MS + 1, scheduled('Reboot', ['web1'], { noticeMs: 500 }));
    expect(eventOrUndefined(state, EVENT_ID)?.notBeforeMs).toBe(START_MS + 1000);
    expect(document(state)?.Events[0]?.NotBefore).toBe('Fri, 20 Nov 2026 12:00:01 GMT');
  });

  it('starts by itself when NotBefore has passed, and not a millisecond earlier', () => {
    const { state } = apply(platform(), START_MS, scheduled('Reboot', ['web1']));
    const dueMs = nextDeadline(state) ?? 0;
    expect(dueMs).toBe(START_MS + 15 * MINUTE);
    expect(advance(state, dueMs - 1).effects).toEqual([]);
    expect(advance(state, dueMs).effects).toMatchObject([
      { change: 'event.started' },
      { change: 'event.impact' },
      { kind: 'impact', type: 'Reboot', vms: ['web1'] },
    ]);
  });

  it('starts at once when any VM of the scope approves, with NotBefore empty in the document', () => {
    const { state, effects } = apply(platform(), START_MS, enable, scheduled('Freeze', ['web1']), {
      kind: 'approve',
      vm: 'web3',
      eventIds: [EVENT_ID.toLowerCase()],
    });
    expect(effects.map((effect) => (effect.kind === 'changed' ? effect.change : effect.kind))).toEqual([
      'event.scheduled',
      'event.approved',
      'event.started',
      'event.impact',
      'impact',
    ]);
    expect(document(state)?.Events).toMatchObject([{ EventStatus: 'Started', NotBefore: '' }]);
  });

  it('waits for the other tenants after an approval, but not beyond NotBefore', () => {
    const approve = { kind: 'approve', vm: 'web1', eventIds: [EVENT_ID] } as const;
    const patient = platform({ startAfterApprovalMs: 2 * MINUTE });
    const { state } = apply(patient, START_MS, scheduled('Reboot', ['web1']), approve);
    expect(document(state)?.Events[0]?.EventStatus).toBe('Scheduled');
    expect(nextDeadline(state)).toBe(START_MS + 2 * MINUTE);
    const late = apply(patient, START_MS, scheduled('Reboot', ['web1'], { noticeMs: MINUTE }), approve);
    expect(nextDeadline(late.state)).toBe(START_MS + MINUTE);
  });

  it('stays Started while the host is at work and for a while after, then leaves the document', () => {
    const started = apply(platform({ lingerAfterImpactMs: 500 }), START_MS, enable, scheduled('Reboot', ['web1']), {
      kind: 'start',
      eventId: EVENT_ID,
    });
    // Only being forgotten is left to fall due.
    expect(nextDeadline(started.state)).toBe(START_MS + DEFAULT_PLATFORM_SETTINGS.disableAfterMs);
    const done = apply(started.state, START_MS + 7000, { kind: 'impact-done', eventId: EVENT_ID });
    expect(nextDeadline(done.state)).toBe(START_MS + 7500);
    expect(document(done.state)?.Events).toMatchObject([{ EventStatus: 'Started' }]);
    const gone = advance(done.state, START_MS + 7500);
    expect(gone.effects).toMatchObject([{ change: 'event.gone' }]);
    expect(document(gone.state)?.Events).toEqual([]);
    expect(gone.state.finished).toMatchObject([{ outcome: 'completed', goneAtMs: START_MS + 7500 }]);
  });

  it('takes several steps at once when time has jumped, and still waits for the host', () => {
    const { state } = apply(platform({ impactAfterStartMs: 1000 }), START_MS, scheduled('Reboot', ['web1']));
    const late = advance(state, START_MS + 60 * MINUTE);
    expect(late.effects.map((effect) => (effect.kind === 'changed' ? effect.change : effect.kind))).toEqual([
      'event.started',
    ]);
    expect(advance(late.state, START_MS + 61 * MINUTE).effects.at(-1)).toMatchObject({ kind: 'impact' });
  });
});

describe('an event without notice', () => {
  it.each(['failure', 'approved-by-policy'] as const)(
    '(%s) is never Scheduled, and changes the document once',
    (entry) => {
      const { state } = apply(platform(), START_MS, enable, scheduled('Reboot', ['web1'], { entry }));
      expect(document(state)).toMatchObject({
        DocumentIncarnation: 2,
        Events: [{ EventStatus: 'Started', NotBefore: '' }],
      });
    },
  );
});

describe('the incarnation', () => {
  it('is 1 in the first document a scope asks for, whatever has happened before', () => {
    const { state } = apply(platform(), START_MS, scheduled('Reboot', ['web1']), enable);
    expect(document(state)).toMatchObject({ DocumentIncarnation: 1, Events: [{ EventId: EVENT_ID }] });
  });

  it('counts appearing, starting and leaving, and neither approval nor impact', () => {
    const patient = platform({ startAfterApprovalMs: 1000, impactAfterStartMs: 1000, lingerAfterImpactMs: 1000 });
    let { state } = apply(patient, START_MS, enable, scheduled('Reboot', ['web1']));
    const seen = [document(state)?.DocumentIncarnation];
    state = apply(state, START_MS, { kind: 'approve', vm: 'web1', eventIds: [EVENT_ID] }).state;
    seen.push(document(state)?.DocumentIncarnation);
    state = advance(state, START_MS + 1000).state;
    seen.push(document(state)?.DocumentIncarnation);
    state = advance(state, START_MS + 2000).state;
    state = apply(state, START_MS + 3000, { kind: 'impact-done', eventId: EVENT_ID }).state;
    seen.push(document(state)?.DocumentIncarnation);
    state = advance(state, START_MS + 4000).state;
    seen.push(document(state)?.DocumentIncarnation);
    expect(seen).toEqual([2, 2, 3, 3, 4]);
  });
});

describe('approving', () => {
  it('succeeds again for an event that another VM approved, and that has started', () => {
    const { state } = apply(
      platform(),
      START_MS,
      scheduled('Reboot', ['web1']),
      { kind: 'approve', vm: 'web1', eventIds: [EVENT_ID] },
      { kind: 'approve', vm: 'web2', eventIds: [EVENT_ID] },
      { kind: 'approve', vm: 'web2', eventIds: [EVENT_ID, EVENT_ID] },
    );
    expect(eventOrUndefined(state, EVENT_ID)?.approvals.map((approval) => approval.by)).toEqual(['web1', 'web2']);
  });

  it('does nothing at all when one of the ids is unknown, or belongs to another scope', () => {
    const { state } = apply(platform(), START_MS, scheduled('Reboot', ['web1']));
    const unknown = applyCommand(state, { kind: 'approve', vm: 'web1', eventIds: [EVENT_ID, 'X'] }, START_MS);
    expect(unknown).toMatchObject({ state, effects: [], outcome: { reason: 'unknown-event' } });
    const stranger = applyCommand(state, { kind: 'approve', vm: 'db1', eventIds: [EVENT_ID] }, START_MS);
    expect(stranger).toMatchObject({ state, outcome: { reason: 'unknown-event' } });
  });
});

describe('the operator', () => {
  it('cancels what has not started: it leaves the document without ever having been Started', () => {
    const { state } = apply(platform(), START_MS, enable, scheduled('Reboot', ['web1']), {
      kind: 'cancel',
      eventId: EVENT_ID,
    });
    expect(document(state)).toEqual({ DocumentIncarnation: 3, Events: [] });
    expect(state.finished).toMatchObject([{ outcome: 'cancelled' }]);
  });

  it('cannot cancel what has started, nor complete what has not', () => {
    const { state } = apply(platform(), START_MS, scheduled('Reboot', ['web1']));
    expect(applyCommand(state, { kind: 'complete', eventId: EVENT_ID }, START_MS).outcome).toMatchObject({
      reason: 'not-started',
    });
    const started = apply(state, START_MS, { kind: 'start', eventId: EVENT_ID }).state;
    expect(applyCommand(started, { kind: 'cancel', eventId: EVENT_ID }, START_MS).outcome).toMatchObject({
      reason: 'already-started',
    });
  });

  it('may complete an event while the host is at work; the report of the host then changes nothing', () => {
    const { state } = apply(
      platform(),
      START_MS,
      scheduled('Reboot', ['web1']),
      { kind: 'start', eventId: EVENT_ID },
      { kind: 'complete', eventId: EVENT_ID },
    );
    expect(apply(state, START_MS, { kind: 'impact-done', eventId: EVENT_ID })).toEqual({ state, effects: [] });
  });

  it.each([
    [['web1', 'web3'], 'several-update-domains', 'web1 is in 0, web3 in 1'],
    [['web1', 'db1'], 'several-scopes', 'web1 is in set, db1 in db1'],
    [['web9'], 'unknown-vm', 'known: web1, web2, web3, db1'],
    [[], 'no-resources', 'got none'],
  ])('is refused an event for %j (%s)', (resources, reason, words) => {
    const step = applyCommand(platform(), scheduled('Reboot', resources), START_MS);
    expect(step.outcome).toMatchObject({ kind: 'refused', reason, message: expect.stringContaining(words) as string });
  });

  it('is refused an event for a VM that was preempted', () => {
    const { state } = apply(
      platform(),
      START_MS,
      scheduled('Preempt', ['web1']),
      { kind: 'start', eventId: EVENT_ID },
      { kind: 'impact-done', eventId: EVENT_ID },
    );
    const step = applyCommand(state, scheduled('Reboot', ['web1'], { eventId: 'B' }), START_MS);
    expect(step.outcome).toMatchObject({ reason: 'vm-gone' });
  });
});

describe('the impact', () => {
  it.each([
    ['Freeze', { durationSeconds: 9 }, 9000],
    ['Freeze', { durationSeconds: 0 }, 0],
    ['Freeze', { durationSeconds: -1 }, 5000],
    ['Freeze', {}, 5000],
    ['Reboot', {}, 5000],
    ['Preempt', {}, 0],
  ] as const)('of a %s with %j lasts %i ms', (type, more, durationMs) => {
    const { effects } = apply(platform(), START_MS, scheduled(type, ['web1'], { ...more, entry: 'failure' }));
    expect(effects.at(-1)).toMatchObject({ kind: 'impact', durationMs });
  });
});
