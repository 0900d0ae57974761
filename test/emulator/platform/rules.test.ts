import { describe, expect, it } from 'vitest';
import { applyCommand, type PlatformCommand } from '../../../emulator/platform/apply.ts';
import { advance, nextDeadline } from '../../../emulator/platform/life.ts';
import {
  DEFAULT_PLATFORM_RULES,
  eventOrUndefined,
  type PlatformRules,
  type PlatformState,
} from '../../../emulator/platform/state.ts';
import { apply, EVENT_ID, platform, scheduled, START_MS } from '../support.ts';

const MINUTE = 60_000;
const withRules = (rules: Partial<PlatformRules>): PlatformState =>
  platform({ rules: { ...DEFAULT_PLATFORM_RULES, ...rules } });
const phase = (state: PlatformState, eventId: string): string | undefined =>
  eventOrUndefined(state, eventId)?.life.phase;
const approve = (eventId: string): PlatformCommand => ({ kind: 'approve', vm: 'web1', eventIds: [eventId] });
const terminate = (eventId: string, vm: string, noticeMs: number): PlatformCommand =>
  scheduled('Terminate', [vm], { eventId, noticeMs });

describe('deletes of a scale set', () => {
  const scaleSet = platform({}, 'scale-set');
  const both = apply(scaleSet, START_MS, terminate('A', 'web1', 10 * MINUTE), terminate('B', 'web2', 5 * MINUTE)).state;

  it('wait, once approved, until every other pending one is approved too', () => {
    const one = apply(both, START_MS, approve('A')).state;
    expect([phase(one, 'A'), phase(one, 'B')]).toEqual(['approved', 'scheduled']);
    const all = apply(one, START_MS, approve('B')).state;
    expect([phase(all, 'A'), phase(all, 'B')]).toEqual(['impact', 'impact']);
  });

  it('wait no longer than to the NotBefore of the one that nobody approves', () => {
    const one = apply(both, START_MS, approve('A')).state;
    expect(nextDeadline(one)).toBe(START_MS + 5 * MINUTE);
    const later = advance(one, START_MS + 5 * MINUTE).state;
    expect([phase(later, 'A'), phase(later, 'B')]).toEqual(['impact', 'impact']);
  });

  it('wait no longer than to their own NotBefore', () => {
    const one = apply(both, START_MS, approve('B')).state;
    expect([phase(one, 'A'), phase(one, 'B')]).toEqual(['scheduled', 'approved']);
    const later = advance(one, START_MS + 5 * MINUTE).state;
    expect([phase(later, 'A'), phase(later, 'B')]).toEqual(['scheduled', 'impact']);
  });

  it('wait for each other only, not for a reboot, and nowhere but in a scale set', () => {
    const reboot = scheduled('Reboot', ['web2'], { eventId: 'B' });
    const { state } = apply(scaleSet, START_MS, terminate('A', 'web1', MINUTE), reboot, approve('A'));
    expect(phase(state, 'A')).toBe('impact');
    const set = apply(
      platform(),
      START_MS,
      terminate('A', 'web1', MINUTE),
      terminate('B', 'web2', MINUTE),
      approve('A'),
    );
    expect(phase(set.state, 'A')).toBe('impact');
  });
});

describe('several events at once', () => {
  it('go their ways independently, also of the same VM', () => {
    const { state } = apply(
      platform(),
      START_MS,
      scheduled('Freeze', ['web1'], { eventId: 'A' }),
      scheduled('Reboot', ['web1'], { eventId: 'B', noticeMs: MINUTE }),
      approve('A'),
    );
    expect([phase(state, 'A'), phase(state, 'B')]).toEqual(['impact', 'scheduled']);
    const later = advance(state, START_MS + MINUTE).state;
    expect([phase(later, 'A'), phase(later, 'B')]).toEqual(['impact', 'impact']);
  });
});

describe('automatic approval', () => {
  const automatic = withRules({ autoApprovingScopes: new Set(['set']) });

  it.each([
    ['Reboot', {}, 'impact'],
    ['Redeploy', {}, 'impact'],
    ['Reboot', { source: 'Platform' }, 'scheduled'],
    ['Terminate', {}, 'scheduled'],
    ['Freeze', { source: 'User' }, 'scheduled'],
  ] as const)('of a scope brings a %s %j into the document in the phase %s', (type, more, wanted) => {
    const { state } = apply(automatic, START_MS, scheduled(type, ['web1'], more));
    expect(phase(state, EVENT_ID)).toBe(wanted);
    expect(eventOrUndefined(state, EVENT_ID)?.notBeforeMs === undefined).toBe(wanted === 'impact');
  });

  it('of one scope leaves the others alone', () => {
    const { state } = apply(automatic, START_MS, scheduled('Reboot', ['db1']));
    expect(phase(state, EVENT_ID)).toBe('scheduled');
  });
});

describe('the other rules', () => {
  it('let an event name several update domains where that is allowed', () => {
    const several = withRules({ allowsSeveralUpdateDomains: true });
    const { state } = apply(several, START_MS, scheduled('Reboot', ['web1', 'web3']));
    expect(eventOrUndefined(state, EVENT_ID)?.resources).toEqual(['web1', 'web3']);
    const stranger = applyCommand(several, scheduled('Reboot', ['web1', 'db1']), START_MS);
    expect(stranger.outcome).toMatchObject({ reason: 'several-scopes' });
  });

  it('refuse one user operation more than are allowed, never the platform, and take it when another is over', () => {
    const limited = withRules({ maxUserOperations: 1 });
    const { state } = apply(limited, START_MS, scheduled('Reboot', ['web1']));
    const second = scheduled('Reboot', ['db1'], { eventId: 'B' });
    expect(applyCommand(state, second, START_MS).outcome).toMatchObject({
      kind: 'refused',
      reason: 'too-many-user-operations',
      message: expect.stringContaining(EVENT_ID) as string,
    });
    const platforms = scheduled('Reboot', ['db1'], { eventId: 'C', source: 'Platform' });
    expect(applyCommand(state, platforms, START_MS).outcome.kind).toBe('accepted');
    const after = apply(state, START_MS, { kind: 'cancel', eventId: EVENT_ID }).state;
    expect(applyCommand(after, second, START_MS).outcome.kind).toBe('accepted');
  });
});
