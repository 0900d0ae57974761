import type { Clock } from '../common/runtime/clock.ts';

/** One line of the fleet's timeline, as `WS /forewarn/v1/watch` sends it. */
export interface WatchEntry {
  /** Epoch milliseconds: when the agent says it happened, or when the scheduler did it. */
  readonly at: number;
  readonly source: 'agent' | 'scheduler';
  /** Resource name, where it concerns one VM. */
  readonly vm?: string | undefined;
  /** Agents: `ACTIVITY_KINDS`. Scheduler: `agreement.*`, `lease.won`, `rollout.*`, `job.*`, `vm.connected`, `vm.lost`. */
  readonly kind: string;
  readonly eventId?: string | undefined;
  readonly rolloutId?: string | undefined;
  /** For people. */
  readonly detail: string;
}

/** What the scheduler itself did; a detail that takes work is made only where somebody listens. */
type OwnEntry = Omit<WatchEntry, 'at' | 'source' | 'detail'> & { readonly detail: string | (() => string) };

/** Puts something that the scheduler itself did on the timeline, now. */
export type Publish = (entry: OwnEntry) => void;

/** The timeline: whoever listens now hears what happens from now on. */
export interface WatchHub {
  readonly publish: Publish;
  /** For entries of agents, which bring their own time. */
  relay(entry: WatchEntry): void;
  /** The returned function ends it. */
  subscribe(listener: (entry: WatchEntry) => void): () => void;
}

export function createWatchHub(clock: Clock): WatchHub {
  const listeners = new Set<(entry: WatchEntry) => void>();
  const relay = (entry: WatchEntry): void => {
    for (const listener of listeners) listener(entry);
  };
  return {
    publish: (entry) => {
      if (listeners.size === 0) return;
      const detail = typeof entry.detail === 'string' ? entry.detail : entry.detail();
      relay({ at: clock.now(), source: 'scheduler', ...entry, detail });
    },
    relay,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}
