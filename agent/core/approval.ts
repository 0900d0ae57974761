import { awaitedBy, isForced, LEASE_RETRY_MS, type AgreementRecord } from '../../common/agreement/record.ts';
import type { Outcome } from '../../common/agreement/command.ts';
import { submit } from './commands.ts';
import { absorbPoll } from './document.ts';
import {
  changePromise,
  hasAgreed,
  isDurable,
  namesOnly,
  noteEvent,
  recordActivity,
  runHook,
  takeId,
  type Draft,
} from './draft.ts';
import { isForcedHere } from './forced.ts';
import { isLeader } from './lead.ts';
import type { PollResult } from './observation.ts';
import type { EventEntry } from './state.ts';

/**
 * The approval of one event by this VM:
 *
 *   idle ──▶ read (GET made for this) ──▶ intend (several VMs only) ──▶ post ──▶ compare (GET) ──▶ idle, approved
 *     ▲              │                            │                       │
 *     └──────────────┴────────────────────────────┴───────────────────────┘  not as agreed, refused, or no answer
 *
 * There is no way to `post` but through `read`: every approval, a repeated one too, follows a read of its own (rule 2).
 * A VM that is named alone records its intent on its own disk before the read instead of in the record (rule 8).
 */

/** The platform said no: it will hardly say yes a moment later. */
const REFUSED_RETRY_MS = 5000;

/** VMs that never reported may be on the coordinator's list of unmanaged ones, which only it knows: asked at this pace. */
const UNKNOWN_RETRY_MS = 5000;

/** A read that is older than this when the intent is accepted (this process was stopped in between) is made again. */
const MAX_READ_AGE_MS = 5000;

export function advanceApproval(draft: Draft, entry: EventEntry): void {
  const { promise, approval } = entry;
  const nowMs = draft.now.monotonicMs;
  if (approval.step !== 'idle' || nowMs < approval.retryAtMs || !isApprovable(draft, entry)) return;
  if (namesOnly(draft.state, promise.resources)) {
    if (promise.localIntent) read(draft, entry, undefined);
    else changePromise(draft, entry, { localIntent: true });
    return;
  }
  const { record, lead } = entry;
  // Rule 9: without the coordinator nobody knows what the others have promised, so nobody approves.
  if (!draft.state.coordinator.isReady || entry.reportedNumber < promise.number) return;
  if (record === undefined || lead.term === undefined || !isLeader(draft, entry)) return;
  if (record.hash !== promise.hash || (record.phase !== 'preparing' && record.phase !== 'intent')) return;
  // Nobody is awaited, or only VMs that the coordinator may know to have no agent.
  if (awaitedBy(record, new Set()).every((one) => one.kind === 'unknown')) read(draft, entry, lead.term);
}

/** Everything that must be true of the event itself, now, for an approval to be sent. */
function isApprovable(draft: Draft, entry: EventEntry): boolean {
  const { promise } = entry;
  return (
    entry.isPresent &&
    entry.status === 'Scheduled' &&
    (isForcedHere(entry) || (hasAgreed(promise) && entry.plan.decision.approve === 'when-ready')) &&
    entry.plan.stance !== 'stepping-back' &&
    !promise.started &&
    !promise.approved &&
    isDurable(draft, entry)
  );
}

function read(draft: Draft, entry: EventEntry, term: number | undefined): void {
  const token = takeId(draft);
  entry.approval = { step: 'read', token, hash: entry.promise.hash, term };
  draft.actions.push({ kind: 'read-fresh', token, eventId: entry.promise.eventId });
}

/** The answer to a `read-fresh`. Whatever it shows is also a poll like any other. */
export function absorbRead(draft: Draft, token: number, result: PollResult): void {
  absorbPoll(draft, result.kind === 'unchanged' ? { kind: 'failed', reason: 'no fresh document' } : result);
  for (const [key, entry] of Object.entries(draft.state.events)) {
    const { approval } = entry;
    if (approval.step === 'compare' && approval.token === token) entry.approval = idle(0);
    if (approval.step !== 'read' || approval.token !== token) continue;
    const isAsAgreed = result.kind === 'document' && entry.promise.hash === approval.hash && isApprovable(draft, entry);
    if (!isAsAgreed) entry.approval = idle(draft.now.monotonicMs + LEASE_RETRY_MS);
    else if (approval.term === undefined) postAlone(draft, entry);
    else intend(draft, key, entry, { term: approval.term, hash: approval.hash });
  }
}

function postAlone(draft: Draft, entry: EventEntry): void {
  if (entry.promise.localIntent && namesOnly(draft.state, entry.promise.resources)) post(draft, entry);
  else entry.approval = idle(0);
}

function intend(
  draft: Draft,
  key: string,
  entry: EventEntry,
  intent: { readonly term: number; readonly hash: string },
): void {
  if (!draft.state.coordinator.isReady) {
    entry.approval = idle(0);
    return;
  }
  const { scope, name } = draft.state.settings.identity;
  const command = { kind: 'intend', scope, eventId: entry.promise.eventId, holder: name, ...intent } as const;
  const id = submit(draft, key, command);
  entry.approval = { step: 'intend', id, ...intent, readAtMs: draft.now.monotonicMs };
}

/** The coordinator's word on our intent. Without a clear yes in our own term nothing is sent. */
export function absorbIntendAnswer(
  draft: Draft,
  entry: EventEntry,
  answer: {
    readonly id: number;
    readonly outcome: Outcome | undefined;
    readonly record: AgreementRecord | undefined;
  },
): void {
  const { approval } = entry;
  const nowMs = draft.now.monotonicMs;
  if (approval.step !== 'intend' || approval.id !== answer.id) return;
  const { outcome, record } = answer;
  if (outcome?.kind !== 'accepted') {
    const isUnknown = record !== undefined && awaitedBy(record, new Set()).every((one) => one.kind === 'unknown');
    const isTermLost = outcome?.reason === 'stale-term' || outcome?.reason === 'lease-expired';
    const pauseMs = outcome?.reason === 'not-ready' && isUnknown ? UNKNOWN_RETRY_MS : LEASE_RETRY_MS;
    if (isTermLost) entry.lead = { term: undefined, renewedAtMs: 0, retryAtMs: 0 };
    entry.approval = idle(nowMs + pauseMs);
    return;
  }
  const isOurs = record?.term === approval.term && record.intent?.term === approval.term && isLeader(draft, entry);
  const isFresh = nowMs - approval.readAtMs <= MAX_READ_AGE_MS;
  const isSame = entry.promise.hash === approval.hash && isApprovable(draft, entry);
  if (!isOurs || !isFresh || !isSame) {
    entry.approval = idle(nowMs + (isOurs ? 0 : LEASE_RETRY_MS));
    return;
  }
  const why = record !== undefined && isForced(record) ? `forced by ${record.forced?.by ?? ''}` : 'all have promised';
  recordActivity(draft, 'intent', entry.promise.eventId, `${why}; approving in term ${approval.term}`);
  post(draft, entry);
}

function post(draft: Draft, entry: EventEntry): void {
  const token = takeId(draft);
  entry.approval = { step: 'post', token };
  draft.actions.push({ kind: 'post', token, eventId: entry.promise.eventId });
}

/** What became of the approval. Without an answer it may have arrived; sending it again is harmless, not sending it is not. */
export function absorbPosted(
  draft: Draft,
  posted: {
    readonly token: number;
    readonly outcome: 'accepted' | 'refused' | 'unknown';
    readonly detail: string;
  },
): void {
  for (const [key, entry] of Object.entries(draft.state.events)) {
    const { approval, promise } = entry;
    if (approval.step !== 'post' || approval.token !== posted.token) continue;
    if (posted.outcome !== 'accepted') {
      const pauseMs = posted.outcome === 'refused' ? REFUSED_RETRY_MS : LEASE_RETRY_MS;
      entry.approval = idle(draft.now.monotonicMs + pauseMs);
      draft.actions.push({
        kind: 'log',
        level: 'warn',
        eventId: promise.eventId,
        message: 'the approval was not taken',
        detail: posted.detail,
      });
      continue;
    }
    noteEvent(draft, entry, { posted: true, approved: true });
    const left = promise.notBeforeMs === undefined ? undefined : promise.notBeforeMs - draft.now.wallMs;
    const notice = left === undefined ? '' : `; ${Math.round(left / 100) / 10} s of the notice were left`;
    recordActivity(draft, 'approved', promise.eventId, `for ${promise.resources.join(', ')}${notice}`);
    runHook(draft, key, entry, 'approved');
    // Rule 11: once more, in case the event named somebody else by the time the approval arrived.
    const token = takeId(draft);
    entry.approval = { step: 'compare', token, agreed: promise.resources };
    draft.actions.push({ kind: 'read-fresh', token, eventId: promise.eventId });
  }
}

function idle(retryAtMs: number): { readonly step: 'idle'; readonly retryAtMs: number } {
  return { step: 'idle', retryAtMs };
}
