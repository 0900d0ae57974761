import type { EventChange } from './platform/effects.ts';

/** What happens in the fleet, as everyone who watches is told it. Kinds are stable; `detail` is for people. */
export type ActivityKind =
  | EventChange
  | 'vm.booted'
  | 'vm.frozen'
  | 'vm.thawed'
  | 'vm.killed'
  | 'vm.gone'
  | 'vm.failed'
  | 'probe.up'
  | 'probe.down'
  | 'vm.replaced'
  | 'service.scaled'
  | 'service.uploaded'
  | 'service.swapped'
  | 'fault.set'
  | 'fault.cleared';

export interface Activity {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly kind: ActivityKind;
  readonly eventId?: string;
  readonly vm?: string;
  readonly detail: string;
}

export type ActivityListener = (activity: Activity) => void;

/** Everything since the start, bounded, and whoever wants to hear of more. */
export interface ActivityFeed {
  publish(activity: Omit<Activity, 'at'>): void;
  /** Calls `listener` for each that comes; the returned function ends it. */
  subscribe(listener: ActivityListener): () => void;
  recent(): readonly Activity[];
}

/** An operator who connects late still sees the last experiment whole. */
const RECENT_KEPT = 1000;

export function createActivityFeed(now: () => number): ActivityFeed {
  const listeners = new Set<ActivityListener>();
  const recent: Activity[] = [];
  return {
    publish: (found) => {
      const activity: Activity = { at: new Date(now()).toISOString(), ...found };
      recent.push(activity);
      if (recent.length > RECENT_KEPT) recent.shift();
      for (const listener of listeners) listener(activity);
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    recent: () => [...recent],
  };
}
