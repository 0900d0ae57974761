import { describe, expect, it } from 'vitest';
import type { AgreementRecord } from '../../../common/agreement/record.ts';
import { explain, type ExplainParts } from '../../../scheduler/coordination/explain.ts';

const HASH = 'h';
const PARTS: ExplainParts = {
  now: 100_000,
  unmanaged: new Set(),
  name: (canonical) => canonical.toUpperCase(),
  isConnected: () => true,
};

function record(
  change: Partial<AgreementRecord> = {},
  promises: Record<string, 'prepared' | 'binding'> = {},
): AgreementRecord {
  const entry = { vmId: 'id', number: 1, hash: HASH, deadlineReached: false };
  return {
    scope: 's',
    eventId: 'E1',
    eventType: 'Reboot',
    phase: 'preparing',
    hash: HASH,
    resources: ['a', 'b'],
    intent: undefined,
    everIntent: false,
    lease: undefined,
    term: 0,
    members: Object.fromEntries(Object.entries(promises).map(([name, promise]) => [name, { ...entry, promise }])),
    ...change,
  };
}

const ALL = { a: 'prepared', b: 'prepared' } as const;
const intent = { by: 'a', term: 3, atMs: 99_000 };
const forced = { hash: HASH, by: 'alice', reason: 'r', atMs: 1 };

describe('why an event is where it is', () => {
  it.each<[string, AgreementRecord, Partial<ExplainParts>, string]>([
    [
      'somebody drains, somebody is unknown',
      record({ notBeforeMs: 200_000 }, { a: 'binding' }),
      { isConnected: (canonical) => canonical === 'a' },
      'Waits, because A is still draining, and B has not reported: no agent there, or it is not connected; at NotBefore the platform begins all the same.',
    ],
    [
      'somebody who is connected has not seen it, somebody who drains was lost',
      record({}, { a: 'binding' }),
      { isConnected: (canonical) => canonical === 'b' },
      'Waits, because A is still draining, and its agent is not connected, and B has not reported: its agent is connected, but has not told of this event.',
    ],
    [
      'NotBefore is over',
      record({ notBeforeMs: 90_000 }, { a: 'prepared', b: 'binding' }),
      {},
      'Waits, because B is still draining. NotBefore has passed: the platform begins without an approval.',
    ],
    [
      'one VM alone is named',
      record({ resources: ['a'] }, { a: 'prepared' }),
      {},
      'A is named alone and has promised: it reads the event once more and approves.',
    ],
    ['nobody leads yet', record({}, ALL), {}, 'All have promised: the VMs elect the one that approves.'],
    [
      'nobody who could lead is there',
      record({ forced }),
      { isConnected: () => false },
      'alice has forced it, but none of its VMs is connected here, and only one of them can approve it.',
    ],
    [
      'the leader is gone',
      record({ lease: { holder: 'a', expiresAtMs: 99_999 }, term: 1 }, ALL),
      {},
      'All have promised: A led and was not heard of since; another VM takes over.',
    ],
    [
      'an operator has forced it',
      record({ forced, lease: { holder: 'a', expiresAtMs: 105_000 }, term: 1 }),
      {},
      'alice has forced it: A, which leads, reads the event once more and approves.',
    ],
    [
      'it was forced for other VMs',
      record({ forced: { ...forced, hash: 'other' } }, { a: 'prepared', b: 'binding' }),
      {},
      'Waits, because B is still draining.',
    ],
    [
      'an intent is open and its leader gone',
      record({ phase: 'intent', intent, lease: { holder: 'a', expiresAtMs: 99_999 }, term: 3 }, ALL),
      {},
      'A has recorded that it approves (term 3); it was not heard of since, and another VM takes over.',
    ],
    [
      'a VM was granted to stay in service',
      record({
        phase: 'aborted',
        members: { b: { vmId: 'id', number: 2, hash: HASH, promise: 'withdrawn', deadlineReached: false } },
      }),
      {},
      "B stays in service by its operator's word, so nobody approves: the platform begins at NotBefore.",
    ],
  ])('%s', (_name, given, change, expected) => {
    expect(explain(given, { ...PARTS, ...change })).toBe(expected);
  });
});
