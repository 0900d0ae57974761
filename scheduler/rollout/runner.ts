import type { Clock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { ActionOutcome } from '../engine/ending.ts';
import type { Registry } from '../gateway/registry.ts';
import type { FleetAction } from '../jobs/definition.ts';
import {
  decideRollout,
  resumeRollout,
  rolloutOf,
  type RolloutAction,
  type RolloutDecision,
  type RolloutObservation,
  type RolloutReport,
  type RolloutState,
} from '../rollout.ts';
import type { Order } from '../replicas/fleet-store.ts';
import type { Claim, RolloutStore } from '../store/store.ts';
import { vmKey } from '../vm-key.ts';
import type { Publish } from '../watch.ts';
import { describeStep, summarize } from './describe.ts';
import { messageOf } from './message.ts';
import { groupOf, observe, outFor, outUntil, type BudgetGroup } from './observe.ts';
import { selectVms, unknownNames } from './select.ts';

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
  /** As of the last decision. */
  group: BudgetGroup;
  readonly idempotencyKey: string;
  readonly end: (outcome: ActionOutcome | undefined) => void;
}

/**
 * How often, while rollouts run, VMs are looked for that have joined through another replica and that it could not tell of:
 * they share the budget.
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
  /** Rollouts in the store that are performed elsewhere, or by nobody now: their VMs are out as well. */
  #elsewhere: readonly RolloutState[] = [];
  /** When VMs were last looked for in the store, monotonic. */
  #lookedMs = Number.NEGATIVE_INFINITY;
  #cancelTimer = (): void => {};

  constructor(parts: RolloutParts) {
    this.#parts = parts;
    parts.registry.onChange((key) => {
      // In a large fleet somebody says something all the time.
      if (key === undefined || this.#isConcerned(key)) this.wake();
    });
  }

  /**
   * Rolls the action of a claim over the fleet and resolves when that has ended; undefined when `signal` aborts before, and
   * the next start goes on with it. A claim that was taken over resumes the rollout that is in the store.
   */
  async perform(action: FleetAction, claim: Claim, signal: AbortSignal): Promise<ActionOutcome | undefined> {
    const { clock, log } = this.#parts;
    while (!signal.aborted) {
      try {
        return await this.#perform(action, claim, signal);
      } catch (error) {
        log.error({ rollout: claim.execution.id, err: describeError(error) }, 'a rollout cannot begin; trying again');
        await clock.sleep(STORE_RETRY_MS, signal);
      }
    }
    return undefined;
  }

  async #perform(action: FleetAction, claim: Claim, signal: AbortSignal): Promise<ActionOutcome | undefined> {
    const { store, clock } = this.#parts;
    const stored = await store.find(claim.execution.id);
    if (stored !== undefined && stored.status !== 'running') return outcomeOf(stored);
    await this.#lookAround(0);
    const begun =
      stored === undefined ? this.#begin(action, claim) : resumeRollout(stored, claim.execution.attempt, clock.now());
    if (typeof begun === 'string') return { status: 'failed', message: `Fleet Action - ${begun}` };
    if (signal.aborted) return undefined;
    // Taken over meanwhile: whoever has it now goes on with it.
    if (!(await store.put(begun))) return undefined;
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
        group: this.#groupOf(begun),
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

  /** Whether what other replicas tell of their VMs matters now. */
  isBusy(): boolean {
    return this.#running.size > 0;
  }

  performs(workId: string): boolean {
    return this.#running.has(rolloutOf(workId));
  }

  /** Keys of the VMs whose state decides about the next step: those that are rolled over, and who shares their budget. */
  concerned(): readonly string[] {
    const keys = new Set<string>();
    for (const { group } of this.#running.values()) for (const key of group.keys) keys.add(key);
    return [...keys];
  }

  #isConcerned(key: string): boolean {
    for (const { group } of this.#running.values()) if (group.keys.has(key)) return true;
    return false;
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
        // What is waited for may be over.
        if (this.#elsewhere.length > 0) await this.#lookElsewhere();
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
    await registry.catchUp();
    this.#lookedMs = now;
  }

  /**
   * Before a VM is taken out: what was heard of the others may be old, and of rollouts that another has begun nothing was
   * heard at all.
   */
  async #lookClosely({ keys }: BudgetGroup): Promise<void> {
    await this.#parts.registry.refresh([...keys]);
    await this.#lookElsewhere();
  }

  async #lookElsewhere(): Promise<void> {
    this.#elsewhere = (await this.#parts.store.underWay()).filter(({ id }) => !this.#running.has(id));
  }

  async #decideOne(running: Running): Promise<number | undefined> {
    const { clock, store } = this.#parts;
    const before = running.state;
    const reports = [...running.reports];
    const group = this.#groupOf(before);
    running.group = group;
    let decision = decideRollout(before, this.#observe(before, reports, group), clock.now());
    if (decision.actions.some(({ kind }) => kind === 'drain')) {
      await this.#lookClosely(group);
      decision = decideRollout(before, this.#observe(before, reports, group), clock.now());
    }
    const { state, actions, wakeAtMs } = decision;
    if (
      JSON.stringify(state) !== JSON.stringify(before) &&
      !(await store.put(state, this.#ordersTo(running, decision)))
    ) {
      this.#leave(running);
      return undefined;
    }
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

  #observe(state: RolloutState, reports: readonly RolloutReport[], group: BudgetGroup): RolloutObservation {
    const { registry, clock, claimedKeys } = this.#parts;
    const others = [...this.#running.values()].map((running) => running.state);
    const claimed = new Set([
      ...claimedKeys(),
      ...outFor(others, state.id),
      ...outUntil(
        this.#elsewhere.filter(({ id }) => !this.#running.has(id)),
        clock.now(),
      ),
    ]);
    return observe(group, { find: (key) => registry.find(key), claimed, reports });
  }

  #groupOf(state: RolloutState): BudgetGroup {
    const { registry, clock } = this.#parts;
    const now = clock.now();
    return groupOf(state, { known: (key) => registry.known(key), all: registry.allKnown(now), now });
  }

  /** What is to be said to agents that are connected to other replicas; to the others it is said directly. */
  #ordersTo(running: Running, { state, actions }: RolloutDecision): { readonly to: string; readonly order: Order }[] {
    return actions.flatMap((action) => {
      const found = this.#parts.registry.find(action.key);
      if (found?.owner === undefined) return [];
      const message = messageOf(state, action, running.idempotencyKey);
      const order = { kind: 'order', key: action.key, connection: found.connection, message } as const;
      return [{ to: found.owner, order }];
    });
  }

  #send(running: Running, action: RolloutAction): void {
    if (this.#parts.registry.find(action.key)?.owner !== undefined) return;
    this.#parts.registry.live(action.key)?.send(messageOf(running.state, action, running.idempotencyKey));
  }

  /** Its execution is another's, or over: this scheduler has nothing to say about it any more. */
  #leave(running: Running): void {
    this.#parts.log.warn({ rollout: running.state.id }, 'the rollout is not performed here any more');
    this.#running.delete(running.state.id);
    running.end(undefined);
  }

  #announce(before: RolloutState | undefined, after: RolloutState): void {
    for (const news of describeStep(before, after)) {
      this.#parts.log.info({ rollout: after.id, vm: news.vm, news: news.kind, detail: news.detail }, 'rollout moved');
      this.#parts.publish({ ...news, rolloutId: after.id });
    }
  }
}

function outcomeOf(state: RolloutState): ActionOutcome {
  return {
    status: state.status === 'completed' ? 'completed' : 'failed',
    message: `Fleet Action - ${summarize(state)}`,
  };
}
