import { LEASE_JITTER, LEASE_RETRY_MS, type AgreementRecord } from '../../common/agreement/record.ts';
import type { Outcome } from '../../common/agreement/command.ts';
import { absorbIntendAnswer } from './approval.ts';
import { changeCoordinator, ownName, type Draft } from './draft.ts';
import { absorbRecord } from './reconcile.ts';
import { absorbReportAnswer } from './report.ts';
import { absorbWithdrawAnswer } from './withdrawal.ts';

/** The coordinator's answer to a command, or (outcome undefined) none. */
export function absorbAnswer(
  draft: Draft,
  id: number,
  outcome: Outcome | undefined,
  record: AgreementRecord | undefined,
): void {
  const { outstanding } = draft.state.coordinator;
  const waiting = outstanding.find((command) => command.id === id);
  if (record !== undefined) absorbRecord(draft, record);
  if (waiting === undefined) return;
  changeCoordinator(draft, { outstanding: outstanding.filter((command) => command !== waiting) });
  const entry = draft.state.events[waiting.key];
  if (entry === undefined) return;
  // There was one, or nothing but a report would have been sent: the store has failed over, and begins anew.
  if (outcome?.kind === 'refused' && outcome.reason === 'no-record') entry.reportedNumber = 0;
  const retryAtMs = draft.now.monotonicMs + retryPauseMs(draft, id);
  switch (waiting.kind) {
    case 'report':
      absorbReportAnswer(draft, entry, waiting.number, outcome);
      return;
    case 'withdraw':
      absorbWithdrawAnswer(draft, entry, outcome, record);
      return;
    case 'campaign':
      entry.lead =
        outcome?.kind === 'accepted' && record !== undefined
          ? { term: record.term, renewedAtMs: waiting.atMs, retryAtMs: 0 }
          : { term: undefined, renewedAtMs: 0, retryAtMs };
      return;
    case 'intend':
      absorbIntendAnswer(draft, entry, { id, outcome, record });
      return;
    default:
      // approve, reopen, end: the record tells what is left to do; a lost term is campaigned for again.
      if (outcome?.kind !== 'accepted') entry.lead = { term: undefined, renewedAtMs: 0, retryAtMs };
  }
}

/**
 * Candidates that were refused at the same moment do not ask again at the same moment. No chance is needed for that: the pause
 * depends on the VM's name and on the number of the command that was refused.
 */
function retryPauseMs(draft: Draft, commandId: number): number {
  let mixed = commandId * 7;
  for (const letter of ownName(draft.state)) mixed += (letter.codePointAt(0) ?? 0) * 13;
  return LEASE_RETRY_MS * (1 + ((LEASE_JITTER - 1) * (mixed % 101)) / 100);
}
