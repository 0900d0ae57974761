import { describe, expect, it } from 'vitest';
import { FirstInResources } from '../../../agent/coordinator/first-in-resources.ts';
import type { AgreementEvents } from '../../../agent/coordinator/coordinator.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const events: AgreementEvents = { connected: () => {}, disconnected: () => {}, record: () => {} };
const report = {
  kind: 'report',
  scope: 's',
  eventId: 'E1',
  vmId: 'v',
  number: 1,
  eventType: 'Reboot',
  resources: ['web_0', 'web_1'],
  promise: 'prepared',
  deadlineReached: false,
  localIntent: false,
} as const;

describe('the rule that the first VM approves', () => {
  it.each([
    ['web_0', 'accepted'],
    ['web_1', 'refused'],
  ])('lets only the first take a promise back, because nobody can tell the others: %s', async (name, expected) => {
    const rule = new FirstInResources(name, events, new FakeClock());
    expect((await rule.submit({ ...report, name })).outcome.kind).toBe('accepted');
    const back = { ...report, name, number: 2, promise: 'binding', stepsBack: true } as const;
    expect((await rule.submit(back)).outcome.kind).toBe(expected);
    const withdraw = { kind: 'withdraw', scope: 's', eventId: 'E1', name, vmId: 'v', number: 3 } as const;
    expect((await rule.submit(withdraw)).outcome.kind).toBe(expected);
  });
});
