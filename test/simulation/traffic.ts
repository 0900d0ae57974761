import type { Invariants } from './invariants.ts';
import type { World } from './world.ts';

/** A drain that fails leaves connections open for up to so long; one that works for up to the shorter time. */
const STUCK_MS = 40_000;
const USUAL_MS = 3000;

/** The users of one VM: they come while it is in rotation, and take their time to go. */
export class Traffic {
  readonly #name: string;
  readonly #world: World;
  readonly #invariants: Invariants;
  #inRotation = false;
  #endsMs = 0;

  constructor(name: string, world: World, invariants: Invariants) {
    this.#name = name;
    this.#world = world;
    this.#invariants = invariants;
  }

  get isInRotation(): boolean {
    return this.#inRotation;
  }

  connections(): number {
    return this.#inRotation || this.#world.time.nowMs < this.#endsMs ? 1 : 0;
  }

  enter(): void {
    if (this.#inRotation) return;
    this.#world.trace(this.#name, 'enters rotation');
    this.#invariants.entersRotation(this.#name);
    this.#inRotation = true;
  }

  leave(): void {
    if (!this.#inRotation) return;
    this.#inRotation = false;
    const isStuck = this.#world.happens(this.#world.faults.failedDrains);
    this.#endsMs = this.#world.time.nowMs + this.#world.between(0, isStuck ? STUCK_MS : USUAL_MS);
  }

  /** The VM itself went down, and every connection with it. */
  cut(): void {
    this.leave();
    this.#endsMs = 0;
  }
}
