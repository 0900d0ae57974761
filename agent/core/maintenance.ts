import { newPreparation, writeLog, type Draft } from './draft.ts';

/** Key of a maintenance among the entries that hooks are run for. */
export function maintenanceKey(workId: string): string {
  return `maintenance:${workId}`;
}

/** The scheduler wants this VM out. Repeating it is harmless; a higher attempt is answered anew, a lower one is void. */
export function absorbMaintenanceDrain(
  draft: Draft,
  order: {
    readonly workId: string;
    readonly attempt: number;
    readonly reason: string;
    readonly untilWallMs: number;
  },
): void {
  const { state } = draft;
  const key = maintenanceKey(order.workId);
  const before = state.maintenance[key];
  if (before !== undefined && order.attempt < before.attempt) return;
  if (before !== undefined && before.isReleased && order.attempt === before.attempt) return;
  state.maintenance[key] = {
    workId: order.workId,
    attempt: order.attempt,
    reason: order.reason,
    untilWallMs: order.untilWallMs,
    lengthMs: order.untilWallMs - draft.now.wallMs,
    untilMs: draft.now.monotonicMs + (order.untilWallMs - draft.now.wallMs),
    isReleased: false,
    hooks: [],
    preparation: before === undefined || before.isReleased ? newPreparation(draft) : before.preparation,
    hasReplied: false,
    runningHooks: before?.runningHooks ?? [],
    restoreAttempts: 0,
  };
  state.revision++;
}

/** The scheduler gives the VM back. Answered once it is in rotation, which another reason may still prevent. */
export function absorbMaintenanceRestore(draft: Draft, workId: string, attempt: number): void {
  const { state } = draft;
  const entry = state.maintenance[maintenanceKey(workId)];
  if (entry !== undefined && attempt < entry.attempt) return;
  if (entry !== undefined && !entry.isReleased) {
    entry.isReleased = true;
    state.revision++;
  }
  if (entry === undefined && state.rotation.state === 'in') {
    draft.actions.push({ kind: 'reply.restored', workId, attempt });
    return;
  }
  state.pendingRestores = [
    ...state.pendingRestores.filter((pending) => pending.workId !== workId),
    { workId, attempt },
  ];
}

/** Ends what has lasted too long, answers what is proven, and forgets what is done. */
export function advanceMaintenance(draft: Draft): void {
  const { state, now } = draft;
  for (const key in state.maintenance) {
    const entry = state.maintenance[key];
    if (entry === undefined) continue;
    if (!entry.isReleased && now.monotonicMs >= entry.untilMs) {
      entry.isReleased = true;
      state.revision++;
      writeLog(draft, 'warn', 'a maintenance was not ended by its scheduler in time', { detail: entry.workId });
    }
    // Only once it is on disk: a crash in the middle of the maintenance must not bring the VM back.
    const isDurable = state.persistedRevision >= state.revision;
    if (!entry.isReleased && entry.preparation.step === 'proven' && !entry.hasReplied && isDurable) {
      entry.hasReplied = true;
      draft.actions.push({
        kind: 'reply.drained',
        workId: entry.workId,
        attempt: entry.attempt,
        proven: true,
        detail: entry.preparation.detail,
      });
    }
    if (entry.isReleased && state.rotation.state === 'in') {
      delete state.maintenance[key];
      state.revision++;
    }
  }
}
