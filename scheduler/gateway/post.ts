import type { Clock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { Mail, NearVm, Order } from '../replicas/fleet-store.ts';
import type { RolloutReport } from '../rollout.ts';
import type { Store, StoreNews } from '../store/store.ts';
import type { Registry } from './registry.ts';

export interface PostParts {
  readonly store: Pick<Store, 'fleet' | 'isShared' | 'subscribe'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: Registry;
  readonly rollouts: {
    /** Whether this replica performs the rollout that the work belongs to. */
    performs(workId: string): boolean;
    report(report: RolloutReport): void;
    isBusy(): boolean;
    /** The VMs that count for what runs here; empty when nothing does. */
    concerned(): readonly string[];
  };
}

/** Mail and VMs are looked at this often whether or not there was news: a notification can be missed. */
const LOOK_EVERY_MS = 4000;
/** Wait before the store is asked again after it failed. */
const RETRY_MS = 1000;
/**
 * A VM that was given an order by another replica is heeded for so long: longer than its task and its return may take, of
 * which settling (an hour at most) is the part in which a repeated word counts.
 */
const HEEDED_MS = 3 * 3_600_000;
/** Answers that wait for the store. A VM gives three in a rollout; the oldest go first, and their rollout asks again. */
const MAX_REPORTS = 10_000;

/**
 * What one replica and the others have to say to each other about the fleet: it tells them who is connected here and how they
 * are, gives their orders to the agents that are connected here, and passes on what those answer. So a rollout reaches
 * every agent, whichever replica performs it and whichever the agent has found; and where the store cannot be reached, VMs
 * of other replicas count as out once the lease of those is over.
 */
export class Post {
  readonly #parts: PostParts;
  /** The VMs to be told of, each with the connection that has changed. */
  readonly #untold = new Map<string, string>();
  #reports: RolloutReport[] = [];
  /** Delivered, and not yet thrown away: not to be delivered twice. */
  readonly #delivered = new Set<number>();
  #telling: Promise<void> | undefined;
  #reading: Promise<void> | undefined;
  #isMore = false;
  /** VMs that others have told of, and that are not yet looked up. */
  readonly #heard = new Set<string>();
  #hearing: Promise<void> | undefined;
  readonly #stopping = new AbortController();
  #cancelLook = (): void => {};
  #unsubscribe = (): void => {};

  constructor(parts: PostParts) {
    this.#parts = parts;
  }

  /** Does nothing for a store that no other scheduler can have. */
  open(): void {
    const { store, registry } = this.#parts;
    if (!store.isShared) return;
    registry.tellOthers((key, connection) => {
      this.#untold.set(key, connection);
      this.#tell();
    });
    this.#unsubscribe = store.subscribe((news) => {
      this.#hear(news);
    });
    this.#lookLater();
  }

  /** What an agent that is connected here has answered. */
  report(report: RolloutReport): void {
    const { rollouts, store, log } = this.#parts;
    if (!store.isShared || rollouts.performs(report.workId)) {
      rollouts.report(report);
      return;
    }
    this.#reports.push(report);
    if (this.#reports.length > MAX_REPORTS) {
      this.#reports.shift();
      log.error({}, 'too many answers of agents wait for the store; the oldest is forgotten');
    }
    this.#tell();
  }

  /** Tells what is still to be told, once. */
  async close(): Promise<void> {
    this.#stopping.abort();
    this.#unsubscribe();
    this.#cancelLook();
    await Promise.all([this.#telling, this.#reading, this.#hearing]);
    if (this.#parts.store.isShared) await this.#tellOnce().catch(() => {});
  }

  #tell(): void {
    this.#telling ??= this.#tellAll().finally(() => {
      this.#telling = undefined;
    });
  }

  async #tellAll(): Promise<void> {
    const { clock, log } = this.#parts;
    // What comes in one turn goes together.
    await Promise.resolve();
    while (!this.#stopping.signal.aborted && (this.#untold.size > 0 || this.#reports.length > 0)) {
      try {
        await this.#tellOnce();
      } catch (error) {
        log.warn({ err: describeError(error) }, 'cannot tell the other replicas of the agents here; trying again');
        await clock.sleep(RETRY_MS, this.#stopping.signal);
      }
    }
  }

  async #tellOnce(): Promise<void> {
    const { fleet } = this.#parts.store;
    const untold = [...this.#untold];
    const reports = this.#reports;
    this.#untold.clear();
    this.#reports = [];
    try {
      const here = untold.flatMap(([key]) => this.#near(key) ?? []);
      const gone = untold.filter(([key]) => this.#near(key) === undefined);
      if (untold.length > 0) {
        await fleet.announce(
          here,
          gone.map(([key, connection]) => ({ key, connection })),
        );
      }
      // After how they are: an answer must not be judged by how its VM was before.
      if (reports.length > 0) await fleet.forward(reports);
    } catch (error) {
      for (const [key, connection] of untold) if (!this.#untold.has(key)) this.#untold.set(key, connection);
      this.#reports = [...reports, ...this.#reports];
      throw error;
    }
  }

  #near(key: string): NearVm | undefined {
    const { registry } = this.#parts;
    const live = registry.live(key);
    const vm = registry.known(key);
    if (live === undefined || vm === undefined) return undefined;
    const { connection, connectedAtMs, health, healthAtMs } = live;
    return { key, vm, connection, connectedAtMs, health, healthAtMs };
  }

  #hear(news: StoreNews): void {
    if (news.kind === 'mail') this.#read();
    else if (news.kind === 'missed') void this.#look();
    else if (news.kind === 'vms' && this.#parts.rollouts.isBusy()) {
      for (const key of news.keys) this.#heard.add(key);
      this.#lookUp();
    }
  }

  #lookUp(): void {
    this.#hearing ??= this.#lookUpAll().finally(() => {
      this.#hearing = undefined;
    });
  }

  async #lookUpAll(): Promise<void> {
    const { registry, log } = this.#parts;
    while (this.#heard.size > 0 && !this.#stopping.signal.aborted) {
      const keys = [...this.#heard];
      this.#heard.clear();
      try {
        await registry.refresh(keys);
      } catch (error) {
        log.warn({ err: describeError(error) }, 'cannot read who is connected to other replicas');
      }
    }
  }

  #lookLater(): void {
    this.#cancelLook = this.#parts.clock.after(LOOK_EVERY_MS, () => {
      void this.#look().finally(() => {
        if (!this.#stopping.signal.aborted) this.#lookLater();
      });
    });
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    for (const key of this.#parts.rollouts.concerned()) this.#heard.add(key);
    if (this.#heard.size > 0) this.#lookUp();
    this.#read();
    await Promise.all([this.#hearing, this.#reading]);
  }

  #read(): void {
    this.#isMore = true;
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = undefined;
    });
  }

  async #readAll(): Promise<void> {
    const { log, store } = this.#parts;
    while (this.#isMore && !this.#stopping.signal.aborted) {
      this.#isMore = false;
      try {
        const mail = await store.fleet.readMail();
        for (const one of mail) this.#deliver(one);
        if (mail.length > 0) await store.fleet.throwAway(mail.map(({ number }) => number));
        for (const { number } of mail) this.#delivered.delete(number);
      } catch (error) {
        log.warn({ err: describeError(error) }, 'cannot read what other replicas have sent');
      }
    }
  }

  #deliver({ number, content }: Mail): void {
    if (this.#delivered.has(number)) return;
    this.#delivered.add(number);
    if (content?.kind === 'order') this.#give(content);
    else if (content?.kind === 'report') this.#parts.rollouts.report(content.report);
    else this.#parts.log.warn({ number }, 'another replica has sent what this one does not understand');
  }

  /** An agent that has connected anew meanwhile is given its order anew too, over that connection. */
  #give({ key, connection, message }: Order): void {
    const { registry, clock } = this.#parts;
    const live = registry.live(key);
    if (live?.connection !== connection) return;
    registry.heed(key, clock.now() + HEEDED_MS);
    live.send(message);
  }
}
