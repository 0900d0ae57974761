import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyCommand } from '../../../common/agreement/apply-command.ts';
import { awaitedBy, LEASE_MS, type AgreementPhase, type AgreementRecord } from '../../../common/agreement/record.ts';
import type { AgreementCommand } from '../../../common/agreement/command.ts';

const names = ['a', 'b', 'a', 'b', 'c'] as const;
const subjects = [['a', 'b'], ['a', 'b'], ['a', 'b'], ['a', 'b', 'c'], ['a']] as const;
const name = fc.constantFrom(...names);
const base = { scope: 's', eventId: 'E', eventType: 'Reboot' };
// Mostly what a correct sender would send, so that the interesting states are reached, with wrong ones in between.
const lag = fc.constantFrom(0, 0, 0, 1);

/** A step: how long passes, then a command that anybody could send, sensible or not. */
const step = fc.record({
  wait: fc.constantFrom(0, 1, 1, 1, LEASE_MS / 2, LEASE_MS),
  command: fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant('report' as const),
        name,
        lag,
        resources: fc.constantFrom(...subjects),
        promise: fc.constantFrom(
          ...(['prepared', 'prepared', 'prepared', 'binding', 'consented', 'released'] as const),
        ),
        deadlineReached: fc.boolean(),
        localIntent: fc.constant(false),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('campaign' as const), holder: name, lag }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('intend' as const), holder: name, lag }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('approve' as const), holder: name, lag }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('reopen' as const),
        holder: name,
        lag,
        resources: fc.constantFrom(...subjects),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const), holder: name, lag }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('withdraw' as const), name, lag }) },
  ),
});

const EDGES: Readonly<Record<AgreementPhase | 'none', readonly AgreementPhase[]>> = {
  none: ['preparing'],
  preparing: ['preparing', 'intent', 'aborted', 'ended'],
  intent: ['intent', 'preparing', 'approved', 'ended'],
  approved: ['approved', 'ended'],
  aborted: ['aborted', 'ended'],
  ended: ['ended', 'preparing'],
};

describe('any sequence of commands', () => {
  it('moves the record along its edges only, and loses no term, intent or number', () => {
    check((before, after) => {
      expect(EDGES[before?.phase ?? 'none']).toContain(after.phase);
      expect(after.term).toBeGreaterThanOrEqual(before?.term ?? 0);
      expect(after.everIntent || before?.everIntent !== true).toBe(true);
      for (const [member, entry] of Object.entries(before?.members ?? {})) {
        expect(after.members[member]?.number).toBeGreaterThanOrEqual(entry.number);
      }
    });
  });

  it('records an intent only while every VM that is named has promised under the same hash', () => {
    let intents = 0;
    check((before, after, command) => {
      if (command.kind !== 'intend' || after === before) return;
      intents += 1;
      expect(awaitedBy(after, new Set())).toEqual([]);
      expect(after.resources.every((resource) => after.members[resource]?.hash === after.hash)).toBe(true);
    });
    expect(intents, 'the generated commands must reach an intent now and then').toBeGreaterThan(10);
  });

  it('grants no withdrawal once there was an intent', () => {
    check((before, after, command) => {
      if (command.kind === 'withdraw' && after !== before) expect(before?.everIntent).toBe(false);
    });
  });
});

function check(
  verify: (before: AgreementRecord | undefined, after: AgreementRecord, command: AgreementCommand) => void,
): void {
  fc.assert(
    fc.property(fc.array(step, { minLength: 25, maxLength: 40 }), (steps) => {
      let record: AgreementRecord | undefined;
      let now = 0;
      let number = 2;
      for (const { wait, command: partial } of steps) {
        now += wait;
        number += 1;
        const member = 'name' in partial ? partial.name : '';
        const command = {
          ...base,
          vmId: `id-${member}`,
          hash: record?.hash ?? '',
          number: number - 3 * partial.lag,
          term: (record?.term ?? 0) - partial.lag,
          ...partial,
          ...(partial.lag === 0 && 'holder' in partial ? { holder: record?.lease?.holder ?? partial.holder } : {}),
        } as unknown as AgreementCommand;
        const next = applyCommand(record, command, { now, unmanaged: new Set() });
        if (next.outcome.kind === 'refused') expect(next.record).toBe(record);
        else if (next.record !== undefined) verify(record, next.record, command);
        record = next.record;
      }
    }),
    { numRuns: 500, seed: 20_261_120 },
  );
}
