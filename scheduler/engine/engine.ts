import type { Clock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import { timeOrderedIds, type IdSource, type RandomSource } from '../../common/runtime/random.ts';
import { executionByHand, type Execution, type Job } from '../jobs/job.ts';
import { createHeartbeat, type ReplicaHeartbeat } from '../replicas/heartbeat.ts';
import type { Claim, ClaimPlan, Finished, Replica, Store } from '../store/store.ts';
import type { Publish } from '../watch.ts';
import type { Calendars } from '../recurrence/blackout.ts';
import { actionOf, describeExecution, endingOf, type ActionOutcome, type PlannedEnding } from './ending.ts';
import { DueTimes } from './due-times.ts';
import { Interrupt } from './interrupt.ts';
import { Lanes } from './lanes.ts';
import { createClaimPlan } from './plan.ts';
import { Room, type Holding } from './room.ts';

/** Performs the action of a claim. Undefined: it was interrupted and left unfinished. Never rejects. */
export type PerformAction = (claim: Claim, interrupt: Interrupt) => Promise<ActionOutcome | undefined>;

export interface EngineParts {
  readonly store: Store;
  /** The store's. */
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: Log;
  readonly perform: PerformAction;
  /** Where a claim's action leads, for what must not all be begun at once (see `Lanes`); undefined: it may. */
  readonly laneOf?: (claim: Claim) => string | undefined;
  readonly publish: Publish;
  /** Blackout calendars of the settings. */
  readonly calendars?: Calendars | undefined;
  readonly replica: Replica;
}

export interface Engine {
  /** Takes over what a scheduler that died left unfinished, then waits for what is due. */
  start(): Promise<void>;
  /** A job was written, enabled or deleted: what is due next may have changed. */
  wake(): void;
  /** Starts an execution at once, beside the job's calendar. */
  runNow(job: Job): Promise<void>;
  /** Stops claiming, interrupts what runs and hands it back, to be repeated. */
  close(): Promise<void>;
}

/**
 * So much before its time a job is claimed: a thousand that are due at one instant are then in the store already, and only
 * their requests are left to be sent. A change of a job in this last moment comes too late for that occurrence.
 */
const CLAIM_AHEAD_MS = 500;
/** Longest sleep. Nothing is read then, only compared: it bounds the delay after the wall clock was set forward. */
const MAX_SLEEP_MS = 30_000;
/** Wait before the store is asked again after it failed. */
const STORE_RETRY_MS = 1000;
/** Wait before what is due but was being claimed by another replica is looked at again. */
const CONTENDED_MS = 50;

/**
 * Runs what is due: one timer, armed for the earliest instant that the store knows. An execution is claimed durably before
 * its action starts and ended durably after it, so kill -9 at any moment leads to a repetition (same key, higher attempt)
 * and never to a loss.
 */
export function createEngine(parts: EngineParts): Engine {
  return new StoreEngine(parts);
}

/** A claim of this process. It waits for its time and for room in its lane, and is a claim and nothing more until then. */
interface Held {
  readonly claim: Claim;
  /** See `Lanes`; undefined: it needs no place in any. */
  lane: string | undefined;
  /** Once it is performed: requested when the action is to stop; what it then reports is not stored. */
  interrupt: Interrupt | undefined;
  work: Promise<void> | undefined;
  /** It is over, and being stored. */
  isEnding: boolean;
}

class StoreEngine implements Engine {
  readonly #parts: EngineParts;
  readonly #plan: ClaimPlan;
  readonly #newId: IdSource;
  readonly #heartbeat: ReplicaHeartbeat;
  readonly #stopping = new AbortController();
  readonly #dueTimes: DueTimes<Held>;
  readonly #lanes: Lanes<Held>;
  readonly #room = new Room();
  readonly #held = new Set<Held>();
  #unsubscribe = (): void => {};
  #cancelTimer = (): void => {};
  /** The loop that claims; one at a time. `#again`: something changed while it ran. */
  #turn: Promise<void> | undefined;
  #again = false;
  /** Of those that are held: how many are over, and being stored. */
  #ending = 0;
  /** Something may be claimed that is not performed: a claim failed, perhaps after its commit, or what ran was interrupted. */
  #isUncertain = false;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#plan = createClaimPlan(parts.random, parts.calendars);
    this.#newId = timeOrderedIds(parts.random);
    this.#dueTimes = new DueTimes(parts.clock, (held) => {
      this.#enter(held);
    });
    this.#lanes = new Lanes(parts.clock, (held) => this.#begin(held));
    this.#heartbeat = createHeartbeat({
      ...parts,
      store: parts.store,
      onLost: () => {
        this.#interrupt(() => true);
        // Where nobody was there to take it over, it is still this replica's.
        this.#isUncertain = true;
      },
      onBeat: () => {
        this.wake();
      },
    });
  }

  async start(): Promise<void> {
    await this.#heartbeat.start();
    this.#unsubscribe = this.#parts.store.subscribe((news) => {
      if (news.kind === 'due') this.wake();
      else if (news.kind === 'cancelled') this.#cancel(news.ids);
    });
    this.wake();
  }

  wake(): void {
    if (this.#stopping.signal.aborted) return;
    if (this.#turn !== undefined) {
      this.#again = true;
      return;
    }
    this.#turn = this.#claimAll().finally(() => {
      this.#turn = undefined;
      if (this.#again) {
        this.#again = false;
        this.wake();
      }
    });
  }

  async runNow(job: Job): Promise<void> {
    const { store, clock } = this.#parts;
    await store.executions.add(executionByHand(job, clock.now(), this.#newId(clock.now())));
    this.wake();
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    this.#unsubscribe();
    this.#cancelTimer();
    await this.#turn;
    this.#interrupt(() => true);
    await Promise.allSettled([...this.#held].map(async ({ work }) => await work));
    await this.#heartbeat.close();
  }

  async #claimAll(): Promise<void> {
    this.#cancelTimer();
    try {
      while (!this.#isClosing()) {
        const room = this.#room.look(this.#holding(), this.#parts.clock.monotonic());
        if (room.kind === 'wait') {
          this.#armIn(room.ms, () => {
            this.wake();
          });
          return;
        }
        const claimed = await this.#claim(room.limit);
        this.#cancel(claimed.cancelled);
        // What came while it was being closed is handed back with the rest; nothing of it need have begun.
        if (this.#isClosing()) return;
        for (const claim of claimed.claims) this.#hold(claim);
        if (claimed.nextDueMs === undefined) return;
        const claimAtMs = claimed.nextDueMs - CLAIM_AHEAD_MS;
        if (claimAtMs > claimed.nowMs) {
          this.#arm(claimAtMs);
          return;
        }
        if (claimed.claims.length === 0) {
          // Due, but taken by another replica at this moment; or near, but to be looked at when its time has come.
          this.#arm(Math.max(claimed.nextDueMs, claimed.nowMs + CONTENDED_MS));
          return;
        }
      }
    } catch (error) {
      this.#parts.log.error({ err: describeError(error) }, 'cannot read what is due');
      this.#armIn(STORE_RETRY_MS, () => {
        this.wake();
      });
    }
  }

  #isClosing(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #claim(limit: number): ReturnType<Store['executions']['claimDue']> {
    const { executions } = this.#parts.store;
    try {
      if (this.#isUncertain) {
        const performed = [...this.#held].filter(({ interrupt }) => interrupt?.isRequested !== true);
        // Before the answer: what is interrupted until that comes makes it uncertain again.
        this.#isUncertain = false;
        await executions.handBack(new Set(performed.map(({ claim }) => claim.execution.id)));
      }
      return await executions.claimDue({
        limit,
        plan: this.#plan,
        aheadMs: CLAIM_AHEAD_MS,
        regionsOfOthers: this.#heartbeat.regionsOfOthers(),
      });
    } catch (error) {
      this.#isUncertain = true;
      throw error;
    }
  }

  #arm(dueMs: number): void {
    const waitMs = dueMs - this.#parts.clock.now();
    if (waitMs <= MAX_SLEEP_MS) {
      this.#armIn(Math.max(0, waitMs), () => {
        this.wake();
      });
    } else {
      this.#armIn(MAX_SLEEP_MS, () => {
        this.#arm(dueMs);
      });
    }
  }

  #armIn(ms: number, callback: () => void): void {
    if (this.#stopping.signal.aborted) return;
    this.#cancelTimer();
    this.#cancelTimer = this.#parts.clock.after(ms, callback);
  }

  #cancel(ids: readonly string[]): void {
    if (ids.length === 0) return;
    const cancelled = new Set(ids);
    this.#interrupt((execution) => cancelled.has(execution.id));
  }

  #interrupt(isMeant: (execution: Execution) => boolean): void {
    for (const held of this.#held) {
      if (!isMeant(held.claim.execution)) continue;
      // What has not begun never will.
      if (held.interrupt === undefined) this.#held.delete(held);
      else held.interrupt.request();
    }
  }

  #hold(claim: Claim): void {
    const held: Held = { claim, lane: undefined, interrupt: undefined, work: undefined, isEnding: false };
    this.#held.add(held);
    this.#dueTimes.at(claim.execution.startedAtMs ?? 0, held);
  }

  #enter(held: Held): void {
    if (!this.#held.has(held)) return;
    held.lane = this.#parts.laneOf?.(actionOf(held.claim));
    if (held.lane === undefined) this.#begin(held);
    else this.#lanes.enter(held.lane, held);
  }

  #begin(held: Held): boolean {
    if (!this.#held.has(held)) return false;
    held.interrupt = new Interrupt();
    held.work = this.#execute(held, held.interrupt);
    return true;
  }

  #holding(): Holding {
    return { held: this.#held.size, ending: this.#ending };
  }

  #useRoom(): void {
    if (this.#room.isWorthIt(this.#holding())) this.wake();
  }

  /** Never rejects. All in one: thousands of these wait at a time, and each function that waits is remembered too. */
  async #execute(held: Held, interrupt: Interrupt): Promise<void> {
    const { clock, publish, perform, log, store } = this.#parts;
    const { claim } = held;
    try {
      publishStart(publish, claim);
      let outcome: ActionOutcome | undefined;
      try {
        outcome = await perform(actionOf(claim), interrupt);
      } finally {
        if (held.lane !== undefined) this.#lanes.leave(held.lane, held);
      }
      if (outcome === undefined || interrupt.isRequested) return;
      const ending = endingOf(claim, outcome, { nowMs: clock.now(), newId: this.#newId });
      held.isEnding = true;
      this.#ending += 1;
      this.#useRoom();
      let finished: Finished | undefined;
      try {
        finished = await store.executions.finish(ending.ended, ending.follow, ending.settlement);
      } catch (error) {
        finished = await this.#finishLater(ending, interrupt, error);
      }
      // Also where it was refused: an answer that was lost may have been a yes.
      if (ending.follow.length > 0 || finished !== 'ended') this.wake();
      if (finished !== undefined && finished !== 'refused') publishEnd(publish, claim, outcome);
    } catch (error) {
      // The claim stays in the store; the next start takes it over.
      log.error({ execution: claim.execution.id, err: describeError(error) }, 'execution could not be ended');
    } finally {
      if (held.isEnding) this.#ending -= 1;
      this.#held.delete(held);
      this.#useRoom();
    }
  }

  /** The action was performed and must not be performed again only because the disk was full for a while. */
  async #finishLater(ending: PlannedEnding, interrupt: Interrupt, error: unknown): Promise<Finished | undefined> {
    const { clock, log, store } = this.#parts;
    for (let why = error; ;) {
      log.error({ err: describeError(why) }, 'the end of an execution could not be stored; trying again');
      if (!(await clock.sleep(STORE_RETRY_MS, interrupt.signal))) return undefined;
      try {
        return await store.executions.finish(ending.ended, ending.follow, ending.settlement);
      } catch (next) {
        why = next;
      }
    }
  }
}

function publishStart(publish: Publish, claim: Claim): void {
  publish({ kind: 'job.started', detail: () => describeExecution(claim) });
}

function publishEnd(publish: Publish, claim: Claim, outcome: ActionOutcome): void {
  publish({
    kind: outcome.status === 'failed' ? 'job.failed' : 'job.completed',
    detail: () => `${describeExecution(claim)}: ${outcome.message.slice(0, 300)}`,
  });
}
