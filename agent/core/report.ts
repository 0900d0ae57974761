import { LEASE_RETRY_MS } from '../../common/agreement/record.ts';
import type { Outcome } from '../../common/agreement/command.ts';
import { isWaiting, submit } from './commands.ts';
import { clearOfferInRecord, refuseReturn, stepsBack } from './plan.ts';
import { changePromise, isDurable, ownName, writeLog, type Draft } from './draft.ts';
import type { EventEntry } from './state.ts';

/** A VM that another machine impersonates (or that was made anew under its old name) cannot mend that by asking often. */
const IDENTITY_RETRY_MS = 30_000;

/** Tells the coordinator the newest thing this VM has promised, once it is on disk, until that is accepted. */
export function advanceReport(draft: Draft, key: string, entry: EventEntry): void {
  const { state, now } = draft;
  const { promise } = entry;
  // Nothing was promised; or it was taken back, which is a command of its own.
  if (promise.promise === 'none' || promise.promise === 'withdrawn') return;
  if (!state.coordinator.isReady || entry.reportedNumber >= promise.number) return;
  if (!isDurable(draft, entry) || now.monotonicMs < entry.reportRetryAtMs || isWaiting(draft, key, ['report'])) return;
  submit(draft, key, {
    kind: 'report',
    scope: state.settings.identity.scope,
    eventId: promise.eventId,
    name: state.settings.identity.name,
    vmId: state.settings.identity.vmId,
    number: promise.number,
    eventType: promise.eventType,
    resources: promise.resources,
    promise: promise.promise,
    deadlineReached: promise.deadlineReached,
    localIntent: promise.localIntent,
    ...(stepsBack(entry) ? { stepsBack: true } : {}),
    ...(state.incarnation === undefined ? {} : { incarnation: state.incarnation }),
    ...(promise.notBeforeMs === undefined ? {} : { notBeforeMs: promise.notBeforeMs }),
  });
}

/** The coordinator's answer to a report, or (undefined) none. */
export function absorbReportAnswer(
  draft: Draft,
  entry: EventEntry,
  number: number,
  outcome: Outcome | undefined,
): void {
  const nowMs = draft.now.monotonicMs;
  if (outcome?.kind === 'accepted') {
    entry.reportedNumber = Math.max(entry.reportedNumber, number);
    if (number === entry.promise.number && stepsBack(entry)) clearOfferInRecord(draft, entry);
    return;
  }
  entry.reportRetryAtMs = nowMs + LEASE_RETRY_MS;
  if (outcome === undefined) return;
  const copy = entry.record?.members[ownName(draft.state)];
  if (outcome.reason === 'stale-number' && copy !== undefined && copy.number >= draft.state.number) {
    // The journal lost numbers that were used before: go on above the coordinator's.
    draft.state.number = copy.number;
    changePromise(draft, entry, {});
    return;
  }
  if (outcome.reason === 'withdrawal-unsafe') {
    refuseReturn(draft, entry);
    return;
  }
  if (outcome.reason === 'other-identity') entry.reportRetryAtMs = nowMs + IDENTITY_RETRY_MS;
  writeLog(draft, 'error', 'the coordinator refused what this VM reports', {
    eventId: entry.promise.eventId,
    detail: outcome.reason,
  });
}
