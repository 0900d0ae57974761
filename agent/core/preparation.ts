import type { Shares } from './budget.ts';
import { recordActivity, runHook, type Draft } from './draft.ts';
import type { EventEntry, MaintenanceEntry, Preparation } from './state.ts';

/**
 * The way of one reason to be out to a proven drain:
 *
 *   turn-away ──▶ prepare-hook ──▶ (settle) ──▶ prove ──▶ ready-hook ──▶ reread ──▶ proven
 *       ▲               │            │            │            │
 *       └──── retry ◀───┴────────────┴────────────┴────────────┘   failed or took too long
 *
 * turn-away: every balancer has accepted, and the slowest has noticed · prepare-hook: the application finishes what it has
 * in hand · prove: nothing flows in two reads in a row · ready-hook: the operator's last word · reread: once more, because a
 * balancer that restarted in the meantime has forgotten the drain (rule 10). Where the notice is shorter than all of it (a
 * Preempt leaves 30 s) the application prepares while the balancers are still noticing, and settle is what is left of that.
 */

/** A session that is just being made can hide from one read (measured on HAProxy), not from two in a row. */
const CLEAR_READS = 2;

/** First pause after a failed drain; doubled each time up to the longest, which stays below the shortest notice but Preempt's. */
const RETRY_MS = 5000;
const MAX_RETRY_MS = 60_000;

/** A promise follows its proof in the same moment, or once the disk has taken what comes before. */
const PROOF_LIFE_MS = 250;

type Preparable = EventEntry | MaintenanceEntry;

/** Moves one entry on as far as it goes without asking the outside again. */
export function advancePreparation(draft: Draft, key: string, entry: Preparable): void {
  const { preparation } = entry;
  const { rotation, settings } = draft.state;
  const nowMs = draft.now.monotonicMs;
  if (preparation.step === 'proven') return;
  if (preparation.step === 'retry') {
    if (nowMs < preparation.retryAtMs) return;
    enter(draft, entry, 'turn-away', { startedAtMs: nowMs, attempt: preparation.attempt + 1 });
    // The balancers are told again at once, in case one of them was the reason.
    rotation.startAtMs = undefined;
    return;
  }
  if (preparation.step === 'turn-away' && rotation.state === 'out') {
    if (isTight(entry) || nowMs - rotation.outSinceMs >= settings.detectionMs) {
      enter(draft, entry, 'prepare-hook');
      runHook(draft, key, entry, 'prepare');
      return;
    }
  }
  if (preparation.step === 'settle' && nowMs - rotation.outSinceMs >= settings.detectionMs) {
    enter(draft, entry, 'prove', { startedAtMs: nowMs });
    return;
  }
  if (preparation.step === 'prove' && preparation.clearReads >= CLEAR_READS) {
    enter(draft, entry, 'ready-hook');
    runHook(draft, key, entry, 'ready');
    return;
  }
  if (preparation.step === 'reread' && preparation.clearReads >= 1) {
    enter(draft, entry, 'proven', { startedAtMs: nowMs });
    recordActivity(draft, 'drain.proven', eventIdOf(entry), preparation.detail);
    return;
  }
  // A hook has a time-out of its own.
  const drainMs = sharesOfEntry(entry)?.drainMs ?? settings.drainTimeoutMs;
  const isHook = preparation.step === 'prepare-hook' || preparation.step === 'ready-hook';
  if (!isHook && nowMs - preparation.startedAtMs > settings.detectionMs + drainMs) {
    const trouble = rotation.state === 'out' ? preparation.detail : rotation.trouble;
    failPreparation(draft, key, entry, `not drained in time: ${trouble === '' ? 'no answer yet' : trouble}`);
  }
}

/** What a gating hook came to. */
export function absorbGate(
  draft: Draft,
  key: string,
  entry: Preparable,
  hook: { readonly phase: 'prepare' | 'ready'; readonly ok: boolean; readonly detail: string },
): void {
  if (entry.preparation.step !== `${hook.phase}-hook`) return;
  if (!hook.ok) {
    failPreparation(draft, key, entry, hook.detail);
    return;
  }
  // What the hooks took does not count as time that the traffic took to go.
  const next = hook.phase === 'ready' ? 'reread' : isTight(entry) ? 'settle' : 'prove';
  enter(draft, entry, next, { startedAtMs: draft.now.monotonicMs });
}

/** What one look at all balancers and at the guest's own connections found. */
export function absorbDrainRead(
  entry: Preparable,
  read: { readonly token: number; readonly clear: boolean; readonly detail: string },
): void {
  const { preparation } = entry;
  if (!wantsReads(entry) || read.token < preparation.sinceToken) return;
  preparation.clearReads = read.clear ? preparation.clearReads + 1 : 0;
  preparation.detail = read.detail;
}

/**
 * A proof is of the moment it was made: where nothing could be promised on it at once (the event was not to be seen, the disk was
 * full, the VM had begun to step back), the balancers are looked at once more. True: it is still good.
 */
export function isProofFresh(draft: Draft, entry: Preparable): boolean {
  if (draft.now.monotonicMs - entry.preparation.startedAtMs <= PROOF_LIFE_MS) return true;
  proveAgain(draft, entry);
  return false;
}

/** What was proven is looked at once more. */
export function proveAgain(draft: Draft, entry: Preparable): void {
  enter(draft, entry, 'reread', { startedAtMs: draft.now.monotonicMs });
}

export function wantsReads(entry: Preparable): boolean {
  return entry.preparation.step === 'prove' || entry.preparation.step === 'reread';
}

/** Rule 6: a drain that failed is never taken for one that succeeded; it is tried again for as long as the reason lasts. */
function failPreparation(draft: Draft, key: string, entry: Preparable, detail: string): void {
  const { attempt } = entry.preparation;
  const pauseMs = Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** Math.min(attempt - 1, 10));
  enter(draft, entry, 'retry', { retryAtMs: draft.now.monotonicMs + pauseMs, detail });
  recordActivity(draft, 'drain.failed', eventIdOf(entry), `attempt ${attempt}: ${detail}`);
  runHook(draft, key, entry, 'failed');
  if ('workId' in entry) {
    draft.actions.push({
      kind: 'reply.drained',
      workId: entry.workId,
      attempt: entry.attempt,
      proven: false,
      detail,
    });
  }
}

function enter(
  draft: Draft,
  entry: Preparable,
  step: Preparation['step'],
  change: Partial<Omit<Preparation, 'step'>> = {},
): void {
  entry.preparation = {
    ...entry.preparation,
    clearReads: 0,
    sinceToken: draft.state.nextId,
    ...change,
    step,
  };
}

function sharesOfEntry(entry: Preparable): Shares | undefined {
  return 'promise' in entry ? entry.plan.shares : undefined;
}

function isTight(entry: Preparable): boolean {
  return sharesOfEntry(entry)?.isTight === true;
}

function eventIdOf(entry: Preparable): string | undefined {
  return 'promise' in entry ? entry.promise.eventId : undefined;
}
