import { isHeld, recordActivity, runHook, takeId, writeLog, type Draft } from './draft.ts';
import { wantsReads } from './preparation.ts';
import { isReconciled } from './reconcile.ts';
import { isServing } from './serving.ts';
import type { AgentState, EventEntry, MaintenanceEntry } from './state.ts';

/** A balancer that was restarted lets traffic in again (HAProxy forgets a drain): so it is told again this often. */
const REASSERT_MS = 1000;

/** Pause before a balancer that refused to take the VM back is asked again. */
const RESTORE_RETRY_MS = 1000;

/** A `restored` hook that fails this often does not keep the VM out any longer: it gates nothing, it prepares the way. */
const MAX_RESTORE_ATTEMPTS = 3;

/** Compares what the balancers were told with what the promises demand, and corrects it. In doubt the VM is out. */
export function advanceRotation(draft: Draft): void {
  const mayBeIn = isReconciled(draft.state) || draft.state.boot.isContinued;
  if (!mayBeIn || isHeld(draft.state)) keepOut(draft);
  else letIn(draft);
}

function keepOut(draft: Draft): void {
  const { rotation } = draft.state;
  const nowMs = draft.now.monotonicMs;
  if (rotation.state === 'in' || rotation.state === 'restoring') {
    if (rotation.state === 'in') recordActivity(draft, 'drain.started', firstEventId(draft), 'traffic is turned away');
    rotation.state = 'turning-away';
    rotation.startAtMs = undefined;
    rotation.readToken = undefined;
  }
  const isDue = rotation.startAtMs === undefined || nowMs - rotation.startAtMs >= REASSERT_MS;
  if (isDue && !rotation.isStarting && !rotation.isRestoring) {
    rotation.isStarting = true;
    rotation.startAtMs = nowMs;
    draft.actions.push({ kind: 'drain.start' });
  }
  if (rotation.state === 'out' && rotation.readToken === undefined && isReadWanted(draft.state)) {
    rotation.readToken = takeId(draft);
    rotation.readAtMs = nowMs;
    draft.actions.push({ kind: 'drain.read', token: rotation.readToken });
  }
}

function isReadWanted({ events, maintenance }: AgentState): boolean {
  for (const key in events) if (isWanted(events[key])) return true;
  for (const key in maintenance) if (isWanted(maintenance[key])) return true;
  return false;
}

function isWanted(entry: EventEntry | MaintenanceEntry | undefined): boolean {
  return entry !== undefined && wantsReads(entry);
}

function letIn(draft: Draft): void {
  const { rotation, events, maintenance } = draft.state;
  if (rotation.state === 'in') return;
  if (rotation.state !== 'restoring') {
    // The application takes up its work before the first request can reach it.
    const waiting = [...Object.entries(events), ...Object.entries(maintenance)].filter(([, entry]) => owesHook(entry));
    for (const [key, entry] of waiting) runHook(draft, key, entry, 'restored');
    if (waiting.length > 0 || rotation.isStarting) return;
    rotation.state = 'restoring';
    rotation.retryAtMs = draft.now.monotonicMs;
  }
  if (!rotation.isRestoring && draft.now.monotonicMs >= rotation.retryAtMs) {
    rotation.isRestoring = true;
    draft.actions.push({ kind: 'drain.restore' });
  }
}

function owesHook(entry: EventEntry | MaintenanceEntry): boolean {
  const done = 'promise' in entry ? entry.promise.hooks : entry.hooks;
  return !done.includes('restored') && entry.restoreAttempts < MAX_RESTORE_ATTEMPTS;
}

/** The balancers' answer to `drain.start`. */
export function absorbTurnedAway(draft: Draft, ok: boolean, detail: string): void {
  const { rotation } = draft.state;
  rotation.isStarting = false;
  const trouble = ok ? '' : detail;
  if (trouble !== '' && trouble !== rotation.trouble)
    writeLog(draft, 'warn', 'a balancer did not take the VM out', { detail: trouble });
  rotation.trouble = trouble;
  if (ok && rotation.state === 'turning-away') {
    rotation.state = 'out';
    rotation.outSinceMs = draft.now.monotonicMs;
  }
}

/** The balancers' answer to `drain.restore`. */
export function absorbBackIn(draft: Draft, ok: boolean, detail: string): void {
  const { state } = draft;
  const { rotation } = state;
  rotation.isRestoring = false;
  if (rotation.state !== 'restoring') return;
  if (!ok) {
    if (detail !== rotation.trouble) writeLog(draft, 'warn', 'a balancer did not take the VM back', { detail });
    rotation.trouble = detail;
    rotation.retryAtMs = draft.now.monotonicMs + RESTORE_RETRY_MS;
    return;
  }
  rotation.state = 'in';
  rotation.inSinceMs = draft.now.monotonicMs;
  rotation.trouble = '';
  const hasReason = entries(draft).length > 0;
  recordActivity(draft, 'restored', firstEventId(draft), hasReason ? 'back in rotation' : 'in rotation after start');
  for (const pending of state.pendingRestores) draft.actions.push({ kind: 'reply.restored', ...pending });
  state.pendingRestores = [];
}

/** The answer of a `restored` hook. */
export function absorbRestoredHook(draft: Draft, entry: EventEntry | MaintenanceEntry, ok: boolean): void {
  entry.restoreAttempts++;
  if (ok || entry.restoreAttempts >= MAX_RESTORE_ATTEMPTS) {
    if ('promise' in entry) entry.promise.hooks = [...entry.promise.hooks, 'restored'];
    else entry.hooks = [...entry.hooks, 'restored'];
    draft.state.revision++;
  }
}

function entries(draft: Draft): readonly (EventEntry | MaintenanceEntry)[] {
  return [...Object.values(draft.state.events), ...Object.values(draft.state.maintenance)];
}

function firstEventId(draft: Draft): string | undefined {
  const all = Object.values(draft.state.events);
  return (all.find((entry) => !isServing(entry)) ?? all[0])?.promise.eventId;
}
