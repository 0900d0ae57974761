import type { HookPhase } from '../../agent/core/hook-phase.ts';
import type { AgentState, DurableState } from '../../agent/core/state.ts';
import { canonicalEventId } from '../../common/agreement/names.ts';
import type { Invariants } from './invariants.ts';

/** Phases that tell of something that happens once. The others are tried again, or come with every drain. */
const ONCE: ReadonlySet<HookPhase> = new Set(['seen', 'approved', 'started', 'cancelled']);

/**
 * S7: a hook that tells of something runs once for each event, and after a crash at most once more, under the same key; never
 * again once its end is in the journal. An event that comes back is told of anew.
 */
export class HookChecks {
  readonly #name: string;
  readonly #invariants: Invariants;
  /** What has begun in this life of the agent. */
  readonly #begun = new Map<string, number>();
  readonly #ended = new Set<string>();
  #journal: DurableState | undefined;

  constructor(name: string, invariants: Invariants) {
    this.#name = name;
    this.#invariants = invariants;
  }

  /** The agent starts, and knows what is in its journal. */
  restart(journal: DurableState | undefined): void {
    this.#begun.clear();
    this.#journal = journal;
  }

  /** The agent holds the event to be over: should it be here again, it is another one. */
  ended(eventId: string | undefined): void {
    if (eventId === undefined) return;
    for (const phase of ONCE) this.#begun.delete(`${canonicalEventId(eventId)} ${phase}`);
    this.#ended.add(canonicalEventId(eventId));
  }

  begins(key: string, phase: HookPhase, state: AgentState | undefined): void {
    const entry = state?.events[key];
    // A document of some time ago may tell of what is over; who has forgotten it by then cannot know that.
    if (!ONCE.has(phase) || entry === undefined || this.#invariants.world?.event(key) === undefined) return;
    if (key !== canonicalEventId(entry.promise.eventId))
      this.#invariants.violate('S7', `${this.#name} runs ${phase} for ${entry.promise.eventId} under the key ${key}`);
    const life = this.#invariants.lifeOf(key);
    if (this.#begun.get(`${key} ${phase}`) === life)
      this.#invariants.violate('S7', `${this.#name} runs ${phase} for ${key} a second time`);
    this.#begun.set(`${key} ${phase}`, life);
    const known = this.#journal?.events.find((promise) => canonicalEventId(promise.eventId) === key);
    const isOfThisLife = known !== undefined && known.promise !== 'released' && !this.#ended.has(key) && life === 1;
    if (isOfThisLife && known.hooks.includes(phase))
      this.#invariants.violate('S7', `${this.#name} runs ${phase} for ${key}, which its journal says it has`);
  }
}
