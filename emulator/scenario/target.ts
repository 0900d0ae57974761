import type { EventView } from '../control/event-view.ts';
import type { SeenMaintenance } from './pure/judge.ts';
import type { Verb } from './pure/timeline.ts';

/** What is done to the emulator. Events and maintenance are named by their ids here. */
export type TargetVerb = Exclude<Verb, { readonly kind: 'load' }>;

/** What there is to see of an emulator now. */
export interface TargetView {
  readonly events: readonly Pick<EventView, 'eventId' | 'resources' | 'state' | 'approvals' | 'startedAt' | 'goneAt'>[];
  readonly maintenance: readonly { readonly id: string; readonly state: SeenMaintenance['state'] }[];
  /** VMs behind an address of the cloud service: whether new connections are given to them. */
  readonly serving: ReadonlyMap<string, boolean>;
}

/** Something that has happened; `at` in ISO 8601. */
export interface SeenActivity {
  readonly at: string;
  readonly kind: string;
  readonly vm?: string | undefined;
}

/**
 * The emulator that a scenario is played against. Adapters: one of the scenario's own in this process (`own-target.ts`), and
 * one that runs somewhere, by its control API (`attached-target.ts`).
 */
export interface ScenarioTarget {
  readonly publicAddress: string | undefined;
  /** Epoch milliseconds of the emulator's clock. */
  now(): number;
  /** Lets so much time pass; less when `waking` aborts, or where it is `watched` and the clock is stepped. */
  pass(leftMs: number, isWatched: boolean, waking: AbortSignal): Promise<void>;
  /** Returns the id of what was made, if that has one. Throws a `UserError` when it is refused. */
  perform(verb: TargetVerb): Promise<string | undefined>;
  look(): Promise<TargetView>;
  /** Calls `listener` with everything that happens from now on; the returned function ends it. */
  watch(listener: (activity: SeenActivity) => void): () => void;
}
