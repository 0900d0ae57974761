import type { SchedulerMessage } from '../../common/protocol/messages.ts';
import type { Clock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { ActionOutcome } from '../engine/ending.ts';
import type { Registry } from '../gateway/registry.ts';
import type { FleetAction } from '../jobs/definition.ts';
import {
  decideRollout,
  isActive,
  resumeRollout,
  type RolloutAction,
  type RolloutObservation,
  type RolloutReport,
  type RolloutState,
  type VmObservation,
} from '../rollout.ts';
import type { Claim, RolloutStore } from '../store/store.ts';
import { vmKey } from '../vm-key.ts';
import type { Publish } from '../watch.ts';
import { describeStep, summarize } from './describe.ts';
import { peersOf, selectVms, unknownNames } from './select.ts';

export interface RolloutParts {
  readonly store: RolloutStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: Registry;
  readonly publish: Publish;
  /** VMs that an event of the platform has a claim on (`Coordination.claimedKeys`). */
  readonly claimedKeys: () => ReadonlySet<string>;
}

interface Running {
  state: RolloutState;
  reports: RolloutReport[];
  readonly idempotencyKey: string;
  readonly end: (outcome: ActionOutcome | undefined) => void;
}

/**
 * How often, while rollouts run, VMs are looked for that have joined through another replica: they share the budget, and count as
 * out here.
 */
const LOOK_AROUND_MS = 60_000;
/** Wait before a step is tried again that could not be stored. */
const STORE_RETRY_MS = 1000;

/**
 * Carries rollouts out: observes the fleet, asks `decideRollout`, stores the step, then sends what it wants. All rollouts are
 * decided one after another, so that two of them never take the same place in a budget.
 */
export class RolloutRunner {
  readonly #parts: RolloutParts;
  readonly #running = new Map<string, Running>();
  #turn: Promise<void> | undefined;
  #again = false;
  /** When VMs were last looked for in the store, monotonic. */
  #lookedMs = Number.NEGATIVE_INFINITY;
  #cancelTimer = (): void => {};

  constructor(parts: RolloutParts) {
    this.#parts = parts;
    parts.registry.onChange(() => {
      this.wake();
    });
  }

  /**
   * Rolls the action of a claim over the fleet and resolves when that has ended; undefined when `signal` aborts before, and
   * the next start goes on with it. A claim that was taken over resumes the rollout that is in the store.
   */
  async perform(action: FleetAction, claim: Claim, signal: AbortSignal): Promise<ActionOutcome | undefined> {
    const { store, clock } = this.#parts;
    const stored = await store.find(claim.execution.id);
    if (stored !== undefined && stored.status !== 'running') return outcomeOf(stored);
    await this.#lookAround(0);
    const begun =
      stored === undefined ? this.#begin(action, claim) : resumeRollout(stored, claim.execution.attempt, clock.now());
    if (typeof begun === 'string') return { status: 'failed', message: `Fleet Action - ${begun}` };
    if (signal.aborted) return undefined;
    await store.put(begun);
    if (stored === undefined) this.#announce(undefined, begun);
    else this.#parts.log.info({ rollout: begun.id, attempt: begun.attempt, at: clock.now() }, 'rollout resumed');
    return await new Promise((resolve) => {
      const stop = (): void => {
        this.#running.delete(begun.id);
        resolve(undefined);
      };
      signal.addEventListener('abort', stop, { once: true });
      this.#running.set(begun.id, {
        state: begun,
        reports: [],
        idempotencyKey: claim.execution.key,
        end: (outcome) => {
          signal.removeEventListener('abort', stop);
          resolve(outcome);
        },
      });
      this.wake();
    });
  }

  /** What an agent says about work of a rollout; of no interest when there is none. */
  report(report: RolloutReport): void {
    for (const running of this.#running.values()) {
      if (report.workId.startsWith(`${running.state.id}:`)) running.reports.push(report);
    }
    this.wake();
  }

  wake(): void {
    if (this.#turn !== undefined) {
      this.#again = true;
      return;
    }
    if (this.#running.size === 0) return;
    this.#turn = this.#decideAll().finally(() => {
      this.#turn = undefined;
      if (this.#again) {
        this.#again = false;
        this.wake();
      }
    });
  }

  async close(): Promise<void> {
    this.#cancelTimer();
    await this.#turn;
    this.#cancelTimer();
  }

  /** A new rollout, or why there can be none. */
  #begin(action: FleetAction, { job, execution }: Claim): RolloutState | string {
    const { clock, registry } = this.#parts;
    const now = clock.now();
    const { selector, task, parameters, timeoutSeconds, settleSeconds, maxUnavailable } = action.fleet;
    const chosen = selectVms(selector, registry.allKnown(now), now);
    const missing = unknownNames(selector, chosen);
    if (missing.length > 0) return `No agent is known for ${missing.join(', ')}; nothing was done.`;
    if (chosen.length === 0) return `No VM with a known agent matches ${JSON.stringify(selector)}; nothing was done.`;
    return {
      id: execution.id,
      job: `${job.collection}/${job.job}`,
      attempt: execution.attempt,
      status: 'running',
      reason: '',
      task,
      parameters,
      timeoutMs: timeoutSeconds * 1000,
      settleMs: settleSeconds * 1000,
      maxUnavailable,
      startedAtMs: now,
      vms: chosen.map(({ identity }) => ({
        key: vmKey(identity.scope, identity.name),
        name: identity.name,
        phase: 'waiting',
        sinceMs: now,
      })),
    };
  }

  async #decideAll(): Promise<void> {
    const { clock, log } = this.#parts;
    this.#cancelTimer();
    let wakeAtMs = Number.POSITIVE_INFINITY;
    for (const running of this.#running.values()) {
      try {
        await this.#lookAround(LOOK_AROUND_MS);
        wakeAtMs = Math.min(wakeAtMs, (await this.#decideOne(running)) ?? Number.POSITIVE_INFINITY);
      } catch (error) {
        log.error({ rollout: running.state.id, err: describeError(error) }, 'step of a rollout could not be stored');
        wakeAtMs = Math.min(wakeAtMs, clock.now() + STORE_RETRY_MS);
      }
    }
    if (wakeAtMs === Number.POSITIVE_INFINITY) return;
    this.#cancelTimer = clock.after(Math.max(0, wakeAtMs - clock.now()), () => {
      this.wake();
    });
  }

  async #lookAround(everyMs: number): Promise<void> {
    const { clock, registry } = this.#parts;
    const now = clock.monotonic();
    if (now - this.#lookedMs < everyMs) return;
    await registry.load();
    this.#lookedMs = now;
  }

  async #decideOne(running: Running): Promise<number | undefined> {
    const { clock, store } = this.#parts;
    const before = running.state;
    const reports = [...running.reports];
    const { state, actions, wakeAtMs } = decideRollout(before, this.#observe(before, reports), clock.now());
    if (JSON.stringify(state) !== JSON.stringify(before)) await store.put(state);
    // Stopped while it was being stored: the next start goes on from there.
    if (!this.#running.has(state.id)) return undefined;
    running.state = state;
    running.reports = running.reports.slice(reports.length);
    for (const action of actions) this.#send(running, action);
    this.#announce(before, state);
    if (state.status === 'running') return wakeAtMs;
    this.#running.delete(state.id);
    running.end(outcomeOf(state));
    return undefined;
  }

  #observe(state: RolloutState, reports: readonly RolloutReport[]): RolloutObservation {
    const { registry, clock, claimedKeys } = this.#parts;
    const now = clock.now();
    const claimed = new Set(claimedKeys());
    for (const other of this.#running.values()) {
      if (other.state.id === state.id) continue;
      for (const vm of other.state.vms) if (isActive(vm)) claimed.add(vm.key);
    }
    const vms = new Map<string, VmObservation>();
    for (const live of registry.allLive()) {
      const key = vmKey(live.identity.scope, live.identity.name);
      vms.set(key, {
        connection: live.connection,
        isServing: live.health.inRotation && live.health.healthy,
        saidAtMs: live.healthAtMs,
        isClaimed: claimed.has(key),
      });
    }
    const known = registry.allKnown(now);
    const own = new Set(state.vms.map((vm) => vm.key));
    const chosen = known.filter(({ identity }) => own.has(vmKey(identity.scope, identity.name)));
    const othersOut = peersOf(chosen, known, now)
      .map(({ identity }) => ({ name: identity.name, seen: vms.get(vmKey(identity.scope, identity.name)) }))
      .filter(({ seen }) => seen === undefined || !seen.isServing || seen.isClaimed)
      .map(({ name, seen }) => (seen === undefined ? `${name} (not connected here)` : name));
    return { vms, othersOut, reports };
  }

  #send(running: Running, action: RolloutAction): void {
    const { state } = running;
    this.#parts.registry.live(action.key)?.send(toMessage(state, action, `${running.idempotencyKey}:${action.key}`));
  }

  #announce(before: RolloutState | undefined, after: RolloutState): void {
    for (const news of describeStep(before, after)) {
      this.#parts.log.info({ rollout: after.id, vm: news.vm, news: news.kind, detail: news.detail }, 'rollout moved');
      this.#parts.publish({ ...news, rolloutId: after.id });
    }
  }
}

function toMessage(state: RolloutState, action: RolloutAction, idempotencyKey: string): SchedulerMessage {
  const work = { workId: action.workId, attempt: state.attempt };
  switch (action.kind) {
    case 'drain':
      return { kind: 'drain', ...work, reason: `job ${state.job}`, untilMs: action.untilMs };
    case 'task':
      return {
        kind: 'task',
        ...work,
        task: state.task,
        parameters: state.parameters,
        timeoutMs: state.timeoutMs,
        idempotencyKey: idempotencyKey.slice(0, 256),
      };
    case 'restore':
      return { kind: 'restore', ...work };
    default:
      return action satisfies never;
  }
}

function outcomeOf(state: RolloutState): ActionOutcome {
  return {
    status: state.status === 'completed' ? 'completed' : 'failed',
    message: `Fleet Action - ${summarize(state)}`,
  };
}
