import type { Action } from '../../agent/core/action.ts';
import type { Observation } from '../../agent/core/observation.ts';
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

  /** What the balancers are told, and what they answer a little later. */
  perform(action: Extract<Action, { kind: 'drain.start' | 'drain.read' | 'drain.restore' }>): Observation {
    if (action.kind === 'drain.restore') {
      this.enter();
      return { kind: 'back-in', ok: true, detail: '' };
    }
    if (action.kind === 'drain.start') {
      this.leave();
      return { kind: 'turned-away', ok: !this.#world.happens(this.#world.faults.failedDrains), detail: 'refused' };
    }
    const clear = this.connections() === 0;
    return { kind: 'drain-read', token: action.token, clear, detail: clear ? 'idle' : 'traffic' };
  }

  /** The VM itself went down, and every connection with it. */
  cut(): void {
    this.leave();
    this.#endsMs = 0;
  }
}
