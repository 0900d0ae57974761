import { applyCommand } from '../../../common/agreement/apply-command.ts';
import type { AgreementRecord } from '../../../common/agreement/record.ts';
import type { Bench } from './bench.ts';

/** Answers every command as the coordinator would, from `record`. */
export function coordinate(
  bench: Bench,
  record: AgreementRecord,
): (change?: Partial<AgreementRecord>) => AgreementRecord {
  let current = record;
  let seen = 0;
  return (change = {}) => {
    current = { ...current, ...change };
    for (; seen < bench.actions.length; seen++) {
      const action = bench.actions[seen];
      if (action?.kind !== 'submit') continue;
      const step = applyCommand(current, action.command, { now: bench.nowMs, unmanaged: new Set() });
      current = step.record ?? current;
      bench.observe({ kind: 'answer', id: action.id, outcome: step.outcome, record: current });
    }
    return current;
  };
}
