import { describe, expect, it } from 'vitest';
import { formatTimeSpan, parseTimeSpanOrUndefined, retryPlanOf } from '../../../scheduler/jobs/retry.ts';

describe('a retry interval', () => {
  it.each([
    ['00:01:00', 60_000, '00:01:00'],
    ['30.00:00:00', 30 * 86_400_000, '30.00:00:00'],
    ['PT1M', 60_000, '00:01:00'],
    ['PT1H30M', 5_400_000, '01:30:00'],
    ['P1D', 86_400_000, '1.00:00:00'],
    ['P1DT15S', 86_415_000, '1.00:00:15'],
  ])('%s is %i ms, shown as %s', (text, ms, shown) => {
    expect(parseTimeSpanOrUndefined(text)).toBe(ms);
    expect(formatTimeSpan(ms)).toBe(shown);
  });

  it.each(['', 'P', 'PT', '1m', '25:00:00', '00:60:00', '30'])('is not %j', (text) => {
    expect(parseTimeSpanOrUndefined(text)).toBeUndefined();
  });
});

describe('how often a failed action is tried again', () => {
  const request = { uri: 'http://example.com', method: 'GET' };

  it('is four times, 30 s apart, where the job does not say', () => {
    expect(retryPlanOf({ type: 'Http', request })).toEqual({ count: 4, intervalMs: 30_000 });
    expect(retryPlanOf({ type: 'Http', request, retryPolicy: { retryType: 'fixed' } })).toEqual({
      count: 4,
      intervalMs: 30_000,
    });
  });

  it('is never with the policy none', () => {
    expect(retryPlanOf({ type: 'Http', request, retryPolicy: { retryType: 'none' } }).count).toBe(0);
  });

  it('is never for a rollout', () => {
    const fleet = {
      selector: { role: 'Web' },
      task: 'patch',
      parameters: {},
      timeoutSeconds: 1,
      settleSeconds: 0,
      maxUnavailable: 1,
    };
    expect(retryPlanOf({ type: 'Fleet', fleet }).count).toBe(0);
  });
});
