import type { Clock } from '../common/runtime/clock.ts';
import { canonicalEventId } from '../common/agreement/names.ts';
import { maintenanceKey } from './core/maintenance.ts';
import type { Operator } from './http/agent-view.ts';
import { OPERATOR_WORK } from './operator-work.ts';
import type { Shell } from './shell.ts';

/** The coordinator is asked again every 1.5 s while it does not answer; the operator is told before their command gives up. */
const WITHDRAW_WITHIN_MS = 8000;

export interface OperatorDesk extends Operator {
  /** What the core answered to a wish to withdraw. */
  withdrawn(result: { readonly eventId: string; readonly ok: boolean; readonly detail: string }): void;
}

/** Turns the operator's orders into observations of the core. */
export function createOperator(shell: Pick<Shell, 'observe' | 'state'>, clock: Clock): OperatorDesk {
  const waiting = new Map<string, (result: { readonly ok: boolean; readonly detail: string }) => void>();
  const current = () => shell.state().maintenance[maintenanceKey(OPERATOR_WORK)];
  return {
    drain: (reason, forMs) => {
      shell.observe({
        kind: 'maintenance-drain',
        workId: OPERATOR_WORK,
        attempt: (current()?.attempt ?? 0) + 1,
        reason,
        untilWallMs: clock.now() + forMs,
      });
    },
    restore: () => {
      const entry = current();
      if (entry === undefined || entry.isReleased) return false;
      shell.observe({ kind: 'maintenance-restore', workId: OPERATOR_WORK, attempt: entry.attempt });
      return true;
    },
    withdraw: async (eventId) =>
      await new Promise((resolve) => {
        const key = canonicalEventId(eventId);
        const cancel = clock.after(WITHDRAW_WITHIN_MS, () => {
          finish({ ok: false, detail: 'no answer yet: the VM stays as it is; ask again' });
        });
        const finish = (result: { readonly ok: boolean; readonly detail: string }): void => {
          cancel();
          waiting.delete(key);
          resolve({ ok: result.ok, detail: result.detail });
        };
        waiting.set(key, finish);
        shell.observe({ kind: 'withdraw', eventId });
      }),
    withdrawn: (result) => {
      waiting.get(canonicalEventId(result.eventId))?.(result);
    },
  };
}
