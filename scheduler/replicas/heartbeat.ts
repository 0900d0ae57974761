import type { Clock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { Heartbeat, Replica, Store } from '../store/store.ts';
import { regionsOfOthers } from './regions.ts';

/**
 * How long a replica that says nothing counts as alive. Whoever dies right after a beat is taken over by the first beat of
 * another after that: within a lease and a beat, 16 s, of its death.
 */
const LEASE_MS = 12_000;
/** Three beats a lease: one may be lost, and one may be slow. */
const BEAT_EVERY_MS = 4000;
/**
 * Without a beat for so long a replica stops what it performs, before others may take it over: less than the lease by what
 * the interruption takes.
 */
const GIVE_UP_MS = LEASE_MS - 2000;
/** The lease of who is alone: a hundred years. */
const FOR_EVER_MS = 100 * 365 * 86_400_000;

export interface HeartbeatParts {
  readonly store: Pick<Store, 'replicas' | 'isShared'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly replica: Replica;
  /** Nothing that was claimed before is this replica's any more; it may not even know that yet. */
  readonly onLost: () => void;
  /** After each beat: work may have been taken over, or the regions may have changed. */
  readonly onBeat: () => void;
}

export interface ReplicaHeartbeat {
  /** The first beat; rejects when the store does not take it. */
  start(): Promise<void>;
  /** Canonical regions whose collections are left to other replicas. */
  regionsOfOthers(): readonly string[];
  /** Stops, and hands back at once what this replica has claimed. */
  close(): Promise<void>;
}

/** Keeps a replica alive in the eyes of the others, and takes over from those that are not. */
export function createHeartbeat(parts: HeartbeatParts): ReplicaHeartbeat {
  const { store, clock, log, replica } = parts;
  let others: readonly string[] = [];
  let known = '';
  let isClosed = false;
  let cancelBeat = (): void => {};
  let cancelGiveUp = (): void => {};
  let beating = Promise.resolve();

  const note = (heartbeat: Heartbeat): void => {
    const live = new Set(heartbeat.live.map(({ region }) => region).filter((region) => region !== undefined));
    others = regionsOfOthers(replica.region, live);
    const names = heartbeat.live.map(({ name, region }) => (region === undefined ? name : `${name} (${region})`));
    const { fleetHome } = heartbeat;
    if ([fleetHome, ...names].join() !== known) {
      log.info({ replicas: names, regionsOfOthers: others, fleetHome }, 'replicas changed');
    }
    known = [fleetHome, ...names].join();
    if (heartbeat.takenOver > 0) log.warn({ executions: heartbeat.takenOver }, 'left unfinished, and to be repeated');
  };

  const beat = async (isFirst: boolean): Promise<void> => {
    const heartbeat = await store.replicas.beat(replica, store.isShared ? LEASE_MS : FOR_EVER_MS);
    cancelGiveUp();
    if (isClosed) return;
    note(heartbeat);
    if (!store.isShared) return;
    cancelGiveUp = clock.after(GIVE_UP_MS, () => {
      log.error({}, 'the store has not been reached for too long; what runs is left to other replicas');
      parts.onLost();
    });
    if (!heartbeat.wasKnown && !isFirst) {
      log.error({}, 'taken for dead by another replica; what runs is left to it');
      parts.onLost();
    }
  };

  const beatAgain = (): void => {
    cancelBeat = clock.after(BEAT_EVERY_MS, () => {
      beating = beat(false)
        .then(parts.onBeat)
        .catch((error: unknown) => {
          log.warn({ err: describeError(error) }, 'heartbeat failed');
        })
        .finally(() => {
          if (!isClosed) beatAgain();
        });
    });
  };

  return {
    start: async () => {
      await beat(true);
      if (store.isShared) beatAgain();
    },
    regionsOfOthers: () => others,
    close: async () => {
      isClosed = true;
      cancelBeat();
      cancelGiveUp();
      await beating;
      cancelGiveUp();
      try {
        await store.replicas.leave();
      } catch (error) {
        log.warn({ err: describeError(error) }, 'could not hand back; other replicas take over when the lease is over');
      }
    },
  };
}
