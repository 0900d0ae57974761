import type { Observation } from '../../agent/core/observation.ts';
import type { DurableState } from '../../agent/core/state.ts';
import type { World } from './world.ts';

/** Answers come after this long at the most when nothing is wrong. */
const QUICK_MS = 40;

/** The journal of one VM. */
export class Disk {
  readonly #world: World;
  readonly #agent: { life(): number; isAlive(): boolean; tell(observation: Observation): void };
  /** Installed long ago, so that it has one. */
  #journal: DurableState | undefined = { number: 0, incarnation: undefined, events: [], maintenance: [] };

  #hasLost = false;

  constructor(world: World, agent: { life(): number; isAlive(): boolean; tell(observation: Observation): void }) {
    this.#world = world;
    this.#agent = agent;
  }

  get journal(): DurableState | undefined {
    return this.#journal;
  }

  lose(): void {
    this.#hasLost = true;
    this.#journal = undefined;
  }

  get hasLost(): boolean {
    return this.#hasLost;
  }

  write(revision: number, durable: DurableState): void {
    const life = this.#agent.life();
    if (this.#world.strikes('disk full', this.#world.faults.failedWrites)) {
      this.#world.time.after(this.#world.between(1, QUICK_MS), () => {
        if (life === this.#agent.life())
          this.#agent.tell({ kind: 'persist-failed', revision, reason: 'no space left on device' });
      });
      return;
    }
    this.#world.time.after(this.#world.between(1, 10), () => {
      const isSameLife = life === this.#agent.life();
      // A process that died meanwhile may or may not have got it to disk.
      if (!isSameLife && this.#world.random.fraction() < 0.5) return;
      if (isSameLife || !this.#agent.isAlive()) this.#journal = durable;
      if (isSameLife) this.#agent.tell({ kind: 'persisted', revision });
    });
  }
}
