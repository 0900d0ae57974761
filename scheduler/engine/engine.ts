import type { Clock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { RandomSource } from '../../common/runtime/random.ts';
import { executionByHand, settleJob, takeOccurrence, type Execution, type Job } from '../jobs/job.ts';
import { retryPlanOf } from '../jobs/retry.ts';
import type { Claim, Store } from '../store/store.ts';
import type { Publish } from '../watch.ts';

/** How an execution went; `message` is what its history says. */
export interface ActionOutcome {
  readonly status: 'completed' | 'failed';
  readonly message: string;
}

/** Performs the action of a claim. Undefined: the scheduler is stopping and the action was left unfinished. Never rejects. */
export type PerformAction = (claim: Claim, signal: AbortSignal) => Promise<ActionOutcome | undefined>;

export interface EngineParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: Log;
  readonly perform: PerformAction;
  readonly publish: Publish;
}

export interface Engine {
  /** Takes over what a scheduler that died left unfinished, then waits for what is due. */
  start(): Promise<void>;
  /** A job was written, enabled or deleted: what is due next may have changed. */
  wake(): void;
  /** Starts an execution at once, beside the job's calendar. */
  runNow(job: Job): Promise<void>;
  /** Stops claiming and interrupts what runs; it stays claimed in the store and is taken over at the next start. */
  close(): Promise<void>;
}

/** Executions claimed in one transaction: one fsync for all of them. */
const CLAIM_BATCH = 100;
/** Executions at a time; more wait in the store. Each holds a socket or a rollout. */
const MAX_RUNNING = 500;
/** Longest sleep. Nothing is read then, only compared: it bounds the delay after the wall clock was set forward. */
const MAX_SLEEP_MS = 30_000;
/** Wait before the store is asked again after it failed. */
const STORE_RETRY_MS = 1000;

/**
 * Runs what is due: one timer, armed for the earliest instant that the store knows. An execution is claimed durably before
 * its action starts and ended durably after it, so kill -9 at any moment leads to a repetition (same key, higher attempt)
 * and never to a loss.
 */
export function createEngine(parts: EngineParts): Engine {
  return new SerialEngine(parts);
}

class SerialEngine implements Engine {
  readonly #parts: EngineParts;
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #cancelTimer = (): void => {};
  /** The loop that claims; one at a time. `#again`: something changed while it ran. */
  #turn: Promise<void> | undefined;
  #again = false;
  /** More may be due, but `MAX_RUNNING` executions run. */
  #isFull = false;

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const orphans = await this.#parts.store.executions.takeOver();
    for (const claim of orphans) {
      this.#parts.log.warn(
        { job: claim.job.job, execution: claim.execution.id, attempt: claim.execution.attempt },
        'execution was left unfinished and is repeated',
      );
      this.#launch(claim);
    }
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
    const { store, clock, random } = this.#parts;
    await store.executions.add(executionByHand(job, clock.now(), random.uuid()));
    this.wake();
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    this.#cancelTimer();
    await this.#turn;
    await Promise.allSettled(this.#running);
  }

  async #claimAll(): Promise<void> {
    const { store, clock, random, log } = this.#parts;
    this.#cancelTimer();
    try {
      while (!this.#stopping.signal.aborted) {
        const room = Math.min(CLAIM_BATCH, MAX_RUNNING - this.#running.size);
        this.#isFull = room <= 0;
        // Executions that end wake the engine again.
        if (this.#isFull) return;
        const now = clock.now();
        const claims = await store.executions.claimDue(now, room, (job) => takeOccurrence(job, now, random.uuid()));
        for (const claim of claims) this.#launch(claim);
        if (claims.length < room) break;
      }
      this.#arm(await store.executions.earliestDue());
    } catch (error) {
      log.error({ err: describeError(error) }, 'cannot read what is due');
      this.#armIn(STORE_RETRY_MS, () => {
        this.wake();
      });
    }
  }

  #arm(dueMs: number | undefined): void {
    if (dueMs === undefined) return;
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

  #launch(claim: Claim): void {
    const work = this.#execute(claim)
      .catch((error: unknown) => {
        // The claim stays in the store; the next start takes it over.
        this.#parts.log.error(
          { execution: claim.execution.id, err: describeError(error) },
          'execution could not be ended',
        );
      })
      .finally(() => {
        this.#running.delete(work);
        // Not for each single place: a claim costs an fsync, whether of one execution or of a hundred.
        if (this.#isFull && this.#running.size <= MAX_RUNNING - CLAIM_BATCH) this.wake();
      });
    this.#running.add(work);
  }

  async #execute(claim: Claim): Promise<void> {
    const { store, clock, publish } = this.#parts;
    const { job, execution } = claim;
    publish({ kind: 'job.started', detail: `${job.collection}/${job.job} ${describeTry(execution)}` });
    const outcome = await this.#parts.perform(claim, this.#stopping.signal);
    if (outcome === undefined) return;
    const endedAtMs = clock.now();
    const retry = outcome.status === 'failed' ? this.#retryOf(claim, endedAtMs) : undefined;
    const hasFailed = outcome.status === 'failed';
    const isTaken = await this.#untilStored(
      async () =>
        await store.executions.finish(
          { ...execution, status: outcome.status, endedAtMs, message: outcome.message },
          retry,
          (current) =>
            settleJob(current, {
              hasFailed,
              isFaulted: hasFailed && retry === undefined,
              atMs: execution.startedAtMs ?? endedAtMs,
              byHand: execution.byHand,
            }),
        ),
    );
    if (isTaken !== true) return;
    if (retry !== undefined) this.wake();
    publish({
      kind: hasFailed ? 'job.failed' : 'job.completed',
      detail: `${job.collection}/${job.job} ${describeTry(execution)}: ${outcome.message.slice(0, 300)}`,
    });
  }

  /** The action was performed and must not be performed again only because the disk was full for a while. */
  async #untilStored<Result>(write: () => Promise<Result>): Promise<Result | undefined> {
    const { clock, log } = this.#parts;
    for (;;) {
      try {
        return await write();
      } catch (error) {
        log.error({ err: describeError(error) }, 'the end of an execution could not be stored; trying again');
        if (!(await clock.sleep(STORE_RETRY_MS, this.#stopping.signal))) return undefined;
      }
    }
  }

  #retryOf({ job, execution }: Claim, now: number): Execution | undefined {
    const plan = retryPlanOf(job.definition.action);
    if (execution.retry >= plan.count) return undefined;
    return {
      ...execution,
      id: this.#parts.random.uuid(),
      retry: execution.retry + 1,
      attempt: 1,
      status: 'pending',
      runAtMs: now + plan.intervalMs,
      startedAtMs: undefined,
    };
  }
}

function describeTry(execution: Execution): string {
  const which = execution.byHand ? 'run by hand' : `occurrence ${execution.repeat}`;
  return execution.retry === 0 ? which : `${which}, retry ${execution.retry}`;
}
