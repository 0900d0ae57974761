/**
 * Rolling a task over VMs: each is drained, works, is restored and is healthy again before its place in the budget goes to
 * the next. Pure: `decideRollout` takes the state, what was observed and the time, and returns the new state and what to
 * send. The shell stores the new state before it sends anything, so a scheduler that dies in between resumes from there.
 *
 *   waiting ─▶ draining ─▶ tasking ─▶ restoring ─▶ settling ─▶ done
 *      │          └───────────┴──(failure)──▲          │
 *      ▼                                               └─▶ failed (its failure is kept; also when it cannot be restored)
 *   skipped (another VM failed)
 *
 * A failure stops the rollout: no further VM is taken out, and the VM that failed is put back.
 */
export interface RolloutState {
  /** The execution it belongs to. */
  readonly id: string;
  readonly job: string;
  /** Raised when a scheduler takes the rollout over from one that died; reports to a lower one are void. */
  readonly attempt: number;
  readonly status: 'running' | 'completed' | 'failed';
  /** Why it failed or stops; empty while all is well. */
  readonly reason: string;
  readonly task: string;
  readonly parameters: Readonly<Record<string, Json>>;
  readonly timeoutMs: number;
  /** How long a VM must have been back before it counts as back: its balancers see it only at their next probes. */
  readonly settleMs: number;
  readonly maxUnavailable: number;
  readonly startedAtMs: number;
  readonly endedAtMs?: number | undefined;
  /** Since when nothing moves because the budget is used up by others. */
  readonly blockedSinceMs?: number | undefined;
  /** In the order in which they are taken. */
  readonly vms: readonly RolloutVm[];
}

export interface RolloutVm {
  /** Scope and canonical name (`vmKey`). */
  readonly key: string;
  readonly name: string;
  readonly phase: RolloutPhase;
  readonly sinceMs: number;
  /** The connection over which this phase's command went out; on another it is sent again. */
  readonly sentOver?: string | undefined;
  /** The agent puts itself back then, whatever has become of the scheduler. */
  readonly outUntilMs?: number | undefined;
  readonly failure?: string | undefined;
  /** While settling: since when it is in rotation and healthy. */
  readonly backSinceMs?: number | undefined;
}

export const ROLLOUT_PHASES = [
  'waiting',
  'draining',
  'tasking',
  'restoring',
  'settling',
  'done',
  'failed',
  'skipped',
] as const;
export type RolloutPhase = (typeof ROLLOUT_PHASES)[number];

/** What JSON can say: the parameters of a task are passed on as they are. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Longest each phase may last. The agent's own limit for a drain is 60 s by default; the rest is for lost connections. */
export const DRAIN_LIMIT_MS = 120_000;
/** On top of the task's own time-out, which the agent enforces. */
export const TASK_MARGIN_MS = 15_000;
export const RESTORE_LIMIT_MS = 120_000;
/** How long a rollout waits, with no VM of its own out, for others to come back before it gives up. */
export const BLOCKED_LIMIT_MS = 15 * 60_000;

export interface RolloutObservation {
  /** What is known of the rollout's VMs, by key. A VM that is missing here is not connected. */
  readonly vms: ReadonlyMap<string, VmObservation>;
  /** Names of VMs that are not this rollout's own but share its budget (same scope and role) and are out of rotation. */
  readonly othersOut: readonly string[];
  readonly reports: readonly RolloutReport[];
}

export interface VmObservation {
  /** Changes with every new connection of the agent. */
  readonly connection: string;
  readonly isServing: boolean;
  /** When the agent last said so, on this machine's clock. */
  readonly saidAtMs: number;
  /** Another rollout, or an event that is being prepared, has a claim on it. */
  readonly isClaimed: boolean;
}

export interface RolloutReport {
  readonly kind: 'drained' | 'taskDone' | 'restored';
  readonly key: string;
  readonly workId: string;
  readonly attempt: number;
  readonly ok: boolean;
  readonly detail: string;
}

export type RolloutAction =
  | { readonly kind: 'drain'; readonly key: string; readonly workId: string; readonly untilMs: number }
  | { readonly kind: 'task'; readonly key: string; readonly workId: string }
  | { readonly kind: 'restore'; readonly key: string; readonly workId: string };

export interface RolloutDecision {
  readonly state: RolloutState;
  /** To be performed once `state` is stored. */
  readonly actions: readonly RolloutAction[];
  /** Decide again at the latest then, even if nothing happens. Undefined once it has ended. */
  readonly wakeAtMs: number | undefined;
}

/** One piece of work per rollout and VM: its drain, its task and its restore carry the same id. */
export function workIdOf(state: RolloutState, vm: RolloutVm): string {
  return `${state.id}:${vm.name}`;
}

/** The id of the rollout that a piece of work belongs to; execution ids have no colon. */
export function rolloutOf(workId: string): string {
  return workId.split(':', 1)[0] ?? '';
}

export function decideRollout(given: RolloutState, observation: RolloutObservation, now: number): RolloutDecision {
  if (given.status !== 'running') return { state: given, actions: [], wakeAtMs: undefined };
  let state: RolloutState = { ...given, vms: given.vms.map((vm) => advance(given, vm, observation, now)) };
  state = stopOnFailure(state, now);
  state = startNext(state, observation, now);
  const actions: RolloutAction[] = [];
  const vms = state.vms.map((vm) => {
    const connection = observation.vms.get(vm.key)?.connection;
    const action = connection === undefined || vm.sentOver === connection ? undefined : commandFor(state, vm);
    if (action === undefined) return vm;
    actions.push(action);
    return { ...vm, sentOver: connection };
  });
  state = finishWhenOver({ ...state, vms }, now);
  return { state, actions, wakeAtMs: nextDeadline(state) };
}

/**
 * The rollout in the hands of a scheduler that takes it over from one that died. Everything is sent again, under the new
 * attempt, and the phases' time-outs begin anew: the agents need a moment to find their scheduler again.
 */
export function resumeRollout(state: RolloutState, attempt: number, now: number): RolloutState {
  return {
    ...state,
    attempt,
    blockedSinceMs: undefined,
    vms: state.vms.map((vm) => ({ ...vm, sentOver: undefined, sinceMs: isActive(vm) ? now : vm.sinceMs })),
  };
}

/** Out because of this rollout. */
export function isActive(vm: RolloutVm): boolean {
  return vm.phase === 'draining' || vm.phase === 'tasking' || vm.phase === 'restoring' || vm.phase === 'settling';
}

function advance(state: RolloutState, given: RolloutVm, observation: RolloutObservation, now: number): RolloutVm {
  let vm = given;
  for (const report of observation.reports) {
    const isForThis =
      report.key === vm.key && report.workId === workIdOf(state, vm) && report.attempt === state.attempt;
    if (isForThis) vm = applyReport(vm, report, now);
  }
  const seen = observation.vms.get(vm.key);
  if (vm.phase === 'settling') vm = settle(state, vm, seen, now);
  if (isActive(vm) && now >= vm.sinceMs + phaseLimit(state, vm)) vm = overdue(vm, seen !== undefined, now);
  // Only a scheduler that was away for long sees this; the task must not run, or count, on a VM that is back in service.
  const mayBeBack = vm.outUntilMs !== undefined && now >= vm.outUntilMs;
  if (mayBeBack && (vm.phase === 'draining' || vm.phase === 'tasking')) {
    vm = fail(vm, 'it was out for so long that it went back into rotation by itself', now);
  }
  return vm;
}

function settle(state: RolloutState, vm: RolloutVm, seen: VmObservation | undefined, now: number): RolloutVm {
  if (seen?.isServing !== true) return { ...vm, backSinceMs: undefined };
  // Only what the agent said after its restore counts: before it, "in rotation" is a memory of before the drain.
  const backSinceMs = vm.backSinceMs ?? (seen.saidAtMs > vm.sinceMs ? now : undefined);
  if (backSinceMs !== undefined && now >= backSinceMs + state.settleMs) return ended(vm, now);
  return { ...vm, backSinceMs };
}

function applyReport(vm: RolloutVm, report: RolloutReport, now: number): RolloutVm {
  switch (report.kind) {
    case 'drained':
      if (vm.phase !== 'draining') return vm;
      return report.ok ? enter(vm, 'tasking', now) : fail(vm, `its drain failed: ${report.detail}`, now);
    case 'taskDone':
      if (vm.phase !== 'tasking') return vm;
      return report.ok ? enter(vm, 'restoring', now) : fail(vm, `its task failed: ${report.detail}`, now);
    case 'restored':
      if (vm.phase !== 'restoring') return vm;
      return { ...enter(vm, 'settling', now), backSinceMs: report.ok ? now : undefined };
    default:
      return report.kind satisfies never;
  }
}

function enter(vm: RolloutVm, phase: RolloutPhase, now: number): RolloutVm {
  return { ...vm, phase, sinceMs: now, sentOver: undefined, backSinceMs: undefined };
}

/** The VM is put back first; it counts as failed once it is. */
function fail(vm: RolloutVm, failure: string, now: number): RolloutVm {
  return { ...enter(vm, 'restoring', now), failure };
}

function ended(vm: RolloutVm, now: number): RolloutVm {
  return enter(vm, vm.failure === undefined ? 'done' : 'failed', now);
}

function phaseLimit(state: RolloutState, vm: RolloutVm): number {
  if (vm.phase === 'draining') return DRAIN_LIMIT_MS;
  if (vm.phase === 'tasking') return state.timeoutMs + TASK_MARGIN_MS;
  return vm.phase === 'settling' ? RESTORE_LIMIT_MS + state.settleMs : RESTORE_LIMIT_MS;
}

function overdue(vm: RolloutVm, isConnected: boolean, now: number): RolloutVm {
  const lost = isConnected ? '' : ' (its agent is not connected)';
  if (vm.phase === 'draining') return fail(vm, `it did not drain in time${lost}`, now);
  if (vm.phase === 'tasking') return fail(vm, `its task did not end in time${lost}`, now);
  const failure = `it did not come back into rotation in time${lost}`;
  return { ...enter(vm, 'failed', now), failure: vm.failure === undefined ? failure : `${vm.failure}; ${failure}` };
}

function stopOnFailure(state: RolloutState, now: number): RolloutState {
  const failed = state.vms.find((vm) => vm.failure !== undefined);
  if (failed === undefined) return state;
  return {
    ...state,
    reason: `${failed.name}: ${failed.failure ?? ''}`,
    vms: state.vms.map((vm) => (vm.phase === 'waiting' ? enter(vm, 'skipped', now) : vm)),
  };
}

/**
 * Takes out as many further VMs as the budget allows. Whoever is out counts, for whatever reason: by this rollout, by
 * another, by an event of the platform, or because its agent is silent.
 */
function startNext(state: RolloutState, observation: RolloutObservation, now: number): RolloutState {
  const isServing = (vm: RolloutVm): boolean => {
    const seen = observation.vms.get(vm.key);
    return seen !== undefined && seen.isServing && !seen.isClaimed;
  };
  let out = observation.othersOut.length + state.vms.filter((vm) => isActive(vm) || !isServing(vm)).length;
  const vms = state.vms.map((vm) => {
    if (vm.phase !== 'waiting' || !isServing(vm) || out >= state.maxUnavailable) return vm;
    out += 1;
    const outUntilMs = now + DRAIN_LIMIT_MS + state.timeoutMs + TASK_MARGIN_MS + RESTORE_LIMIT_MS;
    return { ...enter(vm, 'draining', now), outUntilMs };
  });
  const isBlocked = vms.some((vm) => vm.phase === 'waiting') && !vms.some(isActive);
  if (!isBlocked) return { ...state, vms, blockedSinceMs: undefined };
  const blockedSinceMs = state.blockedSinceMs ?? now;
  if (now < blockedSinceMs + BLOCKED_LIMIT_MS) return { ...state, vms, blockedSinceMs };
  const named = (vm: RolloutVm): string => (observation.vms.has(vm.key) ? vm.name : `${vm.name} (not connected)`);
  const names = [...observation.othersOut, ...vms.filter((vm) => !isServing(vm)).map(named)];
  return {
    ...state,
    reason: `no VM could be taken out for ${BLOCKED_LIMIT_MS / 60_000} minutes, because of others that are out: ${names.join(', ')}`,
    vms: vms.map((vm) => (vm.phase === 'waiting' ? enter(vm, 'skipped', now) : vm)),
  };
}

function commandFor(state: RolloutState, vm: RolloutVm): RolloutAction | undefined {
  const work = { key: vm.key, workId: workIdOf(state, vm) };
  switch (vm.phase) {
    case 'draining':
      return { kind: 'drain', ...work, untilMs: vm.outUntilMs ?? vm.sinceMs + DRAIN_LIMIT_MS };
    case 'tasking':
      return { kind: 'task', ...work };
    case 'restoring':
      return { kind: 'restore', ...work };
    case 'waiting':
    case 'settling':
    case 'done':
    case 'failed':
    case 'skipped':
      return undefined;
    default:
      return vm.phase satisfies never;
  }
}

function finishWhenOver(state: RolloutState, now: number): RolloutState {
  if (state.vms.some((vm) => vm.phase === 'waiting' || isActive(vm))) return state;
  return { ...state, status: state.reason === '' ? 'completed' : 'failed', endedAtMs: now };
}

function nextDeadline(state: RolloutState): number | undefined {
  if (state.status !== 'running') return undefined;
  const deadlines = state.vms.filter(isActive).map((vm) => vm.sinceMs + phaseLimit(state, vm));
  for (const { backSinceMs } of state.vms) if (backSinceMs !== undefined) deadlines.push(backSinceMs + state.settleMs);
  if (state.blockedSinceMs !== undefined) deadlines.push(state.blockedSinceMs + BLOCKED_LIMIT_MS);
  return deadlines.length === 0 ? undefined : Math.min(...deadlines);
}
