import type { Instant } from '../../agent/core/state.ts';
import type { World } from './world.ts';

/** The clocks of one VM: the monotonic one starts anew with the VM and may go too fast, the other may be set wrong. */
export class NodeClock {
  readonly #world: World;
  readonly #rate: number;
  #errorMs = 0;
  #zeroMs = 0;

  constructor(world: World) {
    this.#world = world;
    const { clockRates } = world.faults;
    this.#rate = clockRates === 0 ? 1 : 1 + (2 * world.random.fraction() - 1) * clockRates;
    if (this.#rate !== 1) world.count('clock rate');
  }

  now(): Instant {
    const { nowMs } = this.#world.time;
    return { wallMs: nowMs + this.#errorMs, monotonicMs: (nowMs - this.#zeroMs) * this.#rate };
  }

  /** The VM goes down. */
  restart(): void {
    this.#zeroMs = this.#world.time.nowMs;
  }

  /** Somebody sets the wall clock; 0 sets it right. */
  set(errorMs: number): void {
    this.#errorMs = errorMs;
  }

  /** What takes so long by this clock takes how long? */
  realMs(ms: number): number {
    return Math.round(ms / this.#rate);
  }
}
