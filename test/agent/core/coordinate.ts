import { applyCommand } from '../../../common/agreement/apply-command.ts';
import type { AgreementRecord } from '../../../common/agreement/record.ts';
import type { Bench } from './bench.ts';

/** Answers every command as the coordinator would, from `record`; `isForgetful`: one that could lose what it is told. */
export function coordinate(
  bench: Bench,
  record: AgreementRecord,
  isForgetful = false,
): (change?: Partial<AgreementRecord>) => AgreementRecord {
  let current = record;
  let seen = 0;
  return (change = {}) => {
    current = { ...current, ...change };
    for (; seen < bench.actions.length; seen++) {
      const action = bench.actions[seen];
      if (action?.kind !== 'submit') continue;
      const { command } = action;
      if (isForgetful && command.kind === 'report' && command.stepsBack === true) {
        const outcome = { kind: 'refused', reason: 'withdrawal-unsafe' } as const;
        bench.observe({ kind: 'answer', id: action.id, outcome, record: undefined });
        continue;
      }
      const step = applyCommand(current, action.command, { now: bench.nowMs, unmanaged: new Set() });
      current = step.record ?? current;
      bench.observe({ kind: 'answer', id: action.id, outcome: step.outcome, record: current });
    }
    return current;
  };
}
