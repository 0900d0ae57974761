import type { NodeClock } from './node-clock.ts';
import type { World } from './world.ts';

/** Operators let their agents poll at different paces; Azure recommends once a second. */
const POLLS_MS = [1000, 2000, 3000] as const;

/** So often an agent looks at the clock. */
const TICK_MS = 1000;

/** Whatever an agent is told, it looks at the clock: most need not look again so soon after that. */
const JUST_NOW_MS = TICK_MS / 2;

/** Share of the VMs that do. */
const RESTLESS = 0.2;

/** What one life of an agent does again and again. */
interface Rounds {
  isOver(): boolean;
  poll(): void;
  /** At the connection to the coordinator, and at the clock. */
  look(): void;
}

/** How often one VM polls, and how often it looks at the clock: drawn once. */
export class Pace {
  readonly #world: World;
  readonly #clock: NodeClock;
  readonly #pollMs: number;
  readonly #isRestless: boolean;
  #decidedAtMs = 0;

  constructor(world: World, clock: NodeClock) {
    this.#world = world;
    this.#clock = clock;
    this.#pollMs = POLLS_MS[Math.floor(world.random.fraction() * POLLS_MS.length)] ?? TICK_MS;
    this.#isRestless = world.random.fraction() < RESTLESS;
  }

  /** From somewhere in the next second on, looks half-way between two polls. */
  begin(rounds: Rounds): void {
    const firstMs = this.#world.between(0, TICK_MS);
    const tickMs = this.#clock.realMs(TICK_MS);
    this.#every(rounds, { firstMs, periodMs: this.#clock.realMs(this.#pollMs) }, () => {
      rounds.poll();
    });
    this.#every(rounds, { firstMs: firstMs + tickMs / 2, periodMs: tickMs }, () => {
      rounds.look();
    });
  }

  /** The agent was told something just now. */
  decided(): void {
    this.#decidedAtMs = this.#world.time.nowMs;
  }

  isTickDue(): boolean {
    return this.#isRestless || this.#world.time.nowMs - this.#decidedAtMs >= JUST_NOW_MS;
  }

  #every(rounds: Rounds, at: { readonly firstMs: number; readonly periodMs: number }, run: () => void): void {
    const { time } = this.#world;
    const again = (): void => {
      if (rounds.isOver()) return;
      run();
      time.after(at.periodMs, again);
    };
    time.after(at.firstMs, again);
  }
}
