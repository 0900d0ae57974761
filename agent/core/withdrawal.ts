import { canonicalEventId } from '../../common/agreement/names.ts';
import { LEASE_RETRY_MS, type AgreementRecord } from '../../common/agreement/record.ts';
import type { Outcome } from '../../common/agreement/command.ts';
import { isWaiting, submit } from './commands.ts';
import { isLive, namesOnly, noteEvent, ownName, recordActivity, type Draft } from './draft.ts';
import type { EventEntry } from './state.ts';

/**
 * Keeping this VM in service although an event names it (coordination rule 7): possible only while no intent was ever
 * recorded, and only by the coordinator's word. A lost answer means: stay as it was, and ask again.
 */

/** An operator asks for it. Every request is answered by one `reply.withdrawn`. */
export function absorbWithdraw(draft: Draft, eventId: string): void {
  const { state } = draft;
  const entry = state.events[canonicalEventId(eventId)];
  if (entry === undefined || !isLive(entry)) {
    reply(draft, eventId, { ok: false, detail: 'no event of this id names this VM' });
    return;
  }
  const refusal = refuse(draft, entry);
  if (entry.promise.promise === 'withdrawn') reply(draft, eventId, { ok: true, detail: 'it was withdrawn before' });
  else if (refusal !== undefined) reply(draft, eventId, { ok: false, detail: refusal });
  else if (entry.withdrawal?.isAnswered === true)
    reply(draft, eventId, { ok: false, detail: 'the same was asked a moment ago and waits for its answer' });
  else entry.withdrawal = { isAnswered: true, number: entry.withdrawal?.number, retryAtMs: 0 };
}

function refuse(draft: Draft, entry: EventEntry): string | undefined {
  const { promise, record, approval } = entry;
  const { state } = draft;
  if (promise.started) return 'the event has started';
  const isIntended = promise.localIntent || promise.posted || promise.approved || record?.everIntent === true;
  if (isIntended || approval.step === 'post' || approval.step === 'intend')
    return 'an approval was intended and may be under way: nobody can take it back';
  if (state.settings.hasCoordinator && !state.coordinator.isReady)
    return 'the coordinator cannot be reached, and only it can say that nobody has approved';
  return undefined;
}

/** Asks the coordinator, and (for `notify`) without being asked: who agrees to nothing should not keep the others waiting. */
export function advanceWithdrawal(draft: Draft, key: string, entry: EventEntry): void {
  const { state, now } = draft;
  const { promise, plan } = entry;
  if (promise.promise === 'withdrawn' || promise.promise === 'none') return;
  const isPolicy = plan.decision.consequence === 'notify' && !namesOnly(state, promise.resources);
  if (entry.withdrawal === undefined && isPolicy)
    entry.withdrawal = { isAnswered: false, number: undefined, retryAtMs: 0 };
  if (entry.withdrawal === undefined || now.monotonicMs < entry.withdrawal.retryAtMs) return;
  const { isAnswered, number } = entry.withdrawal;
  const refusal = refuse(draft, entry);
  if (refusal !== undefined) {
    finish(draft, entry, { ok: false, detail: refusal });
    if (isPolicy) entry.withdrawal = { isAnswered: false, number, retryAtMs: now.monotonicMs + LEASE_RETRY_MS };
    return;
  }
  if (!state.settings.hasCoordinator) {
    withdrawn(draft, entry, ++state.number);
    return;
  }
  // The record must exist, and hold nothing newer of this VM that is still on its way.
  const isHeard = entry.reportedNumber >= promise.number && entry.record !== undefined;
  if (!isHeard || isWaiting(draft, key, ['report', 'withdraw', 'intend'])) return;
  const { scope, name, vmId } = state.settings.identity;
  const own = number ?? ++state.number;
  entry.withdrawal = { isAnswered, number: own, retryAtMs: now.monotonicMs + LEASE_RETRY_MS };
  submit(draft, key, { kind: 'withdraw', scope, eventId: promise.eventId, name, vmId, number: own });
}

export function absorbWithdrawAnswer(
  draft: Draft,
  entry: EventEntry,
  outcome: Outcome | undefined,
  record: AgreementRecord | undefined,
): void {
  const { withdrawal } = entry;
  if (withdrawal?.number === undefined || outcome === undefined) return;
  if (outcome.kind === 'accepted' && entry.promise.number > withdrawal.number) {
    // Something newer of this VM may be in the record by now: withdrawn once more, above it.
    entry.withdrawal = { ...withdrawal, number: undefined };
    return;
  }
  if (outcome.kind === 'accepted') {
    withdrawn(draft, entry, withdrawal.number);
    return;
  }
  const copy = record?.members[ownName(draft.state)];
  if (outcome.reason === 'stale-number' && copy !== undefined) {
    draft.state.number = Math.max(draft.state.number, copy.number);
    entry.withdrawal = { ...withdrawal, number: undefined };
    return;
  }
  finish(draft, entry, { ok: false, detail: `the coordinator refused: ${outcome.reason}` });
}

function withdrawn(draft: Draft, entry: EventEntry, number: number): void {
  noteEvent(draft, entry, { promise: 'withdrawn', number, offered: false });
  entry.reportedNumber = Math.max(entry.reportedNumber, number);
  recordActivity(
    draft,
    'promise.withdrawn',
    entry.promise.eventId,
    'stays in service; the event comes at its own time',
  );
  finish(draft, entry, { ok: true, detail: 'stays in service; the event comes at its own time' });
}

function finish(draft: Draft, entry: EventEntry, result: { readonly ok: boolean; readonly detail: string }): void {
  const isAnswered = entry.withdrawal?.isAnswered === true;
  entry.withdrawal = undefined;
  if (isAnswered) reply(draft, entry.promise.eventId, result);
}

function reply(draft: Draft, eventId: string, result: { readonly ok: boolean; readonly detail: string }): void {
  draft.actions.push({ kind: 'reply.withdrawn', eventId, ...result });
}
