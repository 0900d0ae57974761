import { describe, expect, it } from 'vitest';
import { isWithin, type DailyWindow } from '../../../agent/core/daily-window.ts';
import { sharesOf } from '../../../agent/core/budget.ts';
import {
  decidePolicy,
  DEFAULT_DECISION,
  PLAIN_POLICY,
  type PolicyMatch,
  type PolicySubject,
} from '../../../agent/core/policy.ts';

const subject: PolicySubject = {
  eventType: 'Freeze',
  source: 'Platform',
  durationSeconds: 9,
  description: 'Host server is undergoing maintenance.',
  seenAtMs: Date.parse('2026-01-14T21:30:00Z'), // a Wednesday
};
const night: DailyWindow = { fromMinute: 22 * 60, toMinute: 5 * 60, zone: 'Europe/Berlin', weekdays: undefined };

describe('a policy rule', () => {
  const matches = (match: PolicyMatch, change: Partial<PolicySubject> = {}): boolean => {
    const policy = { ...PLAIN_POLICY, role: 'FrontEnd', rules: [{ name: 'r', match, decision: {} }] };
    return decidePolicy(policy, { ...subject, ...change }).rule === 'r';
  };

  it.each<[string, PolicyMatch, Partial<PolicySubject>, boolean]>([
    ['nothing matches everything', {}, {}, true],
    ['a type, in any case of letters', { types: ['freeze'] }, {}, true],
    ['another type', { types: ['Reboot', 'Redeploy'] }, {}, false],
    ['a source', { sources: ['user'] }, { source: 'User' }, true],
    ['another source', { sources: ['User'] }, {}, false],
    ['a duration below the limit', { durationAtMost: 10 }, {}, true],
    ['a duration above it', { durationAtMost: 5 }, {}, false],
    ['no interruption at all', { durationAtMost: 0 }, { durationSeconds: 0 }, true],
    ['an unknown duration is never short', { durationAtMost: 86_400 }, { durationSeconds: -1 }, false],
    ['an unknown duration is long', { durationAtLeast: 86_400 }, { durationSeconds: -1 }, true],
    ['a part of the description', { descriptionContains: 'HOST SERVER' }, {}, true],
    ['a pattern', { descriptionMatches: '^host .* maintenance' }, {}, true],
    ['a pattern that is not there', { descriptionMatches: 'live migration' }, {}, false],
    ['the role of this VM', { roles: ['frontend'] }, {}, true],
    ['another role', { roles: ['BackEnd'] }, {}, false],
    ['the time of day in its zone', { seenWithin: night }, {}, true],
    ['another time of day', { seenWithin: night }, { seenAtMs: Date.parse('2026-01-14T12:00:00Z') }, false],
    ['all conditions must hold', { types: ['Freeze'], sources: ['User'] }, {}, false],
  ])('%s', (_name, match, change, expected) => {
    expect(matches(match, change)).toBe(expected);
  });

  it('that comes first counts, and leaves to the defaults what it does not say', () => {
    const rules = [
      { name: 'users', match: { sources: ['User'] }, decision: { approve: 'never' as const } },
      { name: 'short', match: { durationAtMost: 10 }, decision: { consequence: 'consent' as const } },
      { name: 'rest', match: {}, decision: { consequence: 'notify' as const } },
    ];
    expect(decidePolicy({ ...PLAIN_POLICY, rules }, subject)).toEqual({
      ...DEFAULT_DECISION,
      rule: 'short',
      consequence: 'consent',
    });
    expect(decidePolicy(PLAIN_POLICY, subject)).toEqual(DEFAULT_DECISION);
  });
});

describe('a daily window', () => {
  it.each([
    ['2026-01-14T21:00:00Z', true],
    ['2026-01-14T20:59:00Z', false],
    ['2026-01-15T03:59:00Z', true],
    ['2026-01-15T04:00:00Z', false],
    // In summer the zone is two hours ahead.
    ['2026-07-14T20:00:00Z', true],
    ['2026-07-15T03:00:00Z', false],
  ])('from 22:00 to 05:00 in Berlin holds %s: %s', (at, expected) => {
    expect(isWithin(night, Date.parse(at))).toBe(expected);
  });

  it('that passes midnight belongs to the weekday on which it began', () => {
    const friday = { ...night, zone: 'UTC', weekdays: [5] };
    expect(isWithin(friday, Date.parse('2026-01-16T23:00:00Z'))).toBe(true);
    expect(isWithin(friday, Date.parse('2026-01-17T03:00:00Z'))).toBe(true);
    expect(isWithin(friday, Date.parse('2026-01-16T03:00:00Z'))).toBe(false);
    expect(isWithin({ ...friday, weekdays: [7] }, Date.parse('2026-01-19T03:00:00Z'))).toBe(true);
  });

  it('whose ends are the same is the whole day', () => {
    expect(isWithin({ ...night, fromMinute: 0, toMinute: 0 }, 0)).toBe(true);
  });
});

describe('the shares of a notice', () => {
  const budget = { detectionMs: 15_000, drainMs: 60_000, hooksMs: 30_000, agreementMs: 10_000 };

  it('are what the phases want where it fits', () => {
    expect(sharesOf(budget, 900_000)).toEqual({ ...budget, isTight: false, detail: '' });
  });

  it('are in proportion after what cannot be hurried, and say so', () => {
    const shares = sharesOf(budget, 30_000);
    expect(shares).toMatchObject({ isTight: true, drainMs: 9000, hooksMs: 4500, agreementMs: 1500 });
    expect(shares.detail).toBe(
      'a notice of 30 s does not fit everything; after 15 s for the balancers: drain 9 s instead of 60 s, hooks 4.5 s instead of 30 s, agreement 1.5 s instead of 10 s',
    );
  });

  it('say when the balancers alone take longer', () => {
    expect(sharesOf(budget, 10_000).detail).toContain('over before the balancers have noticed');
  });
});
