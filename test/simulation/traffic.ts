import type { Action } from '../../agent/core/action.ts';
import type { Observation } from '../../agent/core/observation.ts';
import type { World } from './world.ts';

/** A drain that fails leaves connections open for up to so long; one that works for up to the shorter time. */
const STUCK_MS = 40_000;
const USUAL_MS = 3000;

/** The users of one VM: they come while it is in rotation, and take their time to go. */
export class Traffic {
  readonly #name: string;
  readonly #world: World;
  /** Told when the agent lets traffic in. */
  readonly #entering: () => void;
  #inRotation = false;
  #endsMs = 0;
  #restartedAtMs: number | undefined;

  constructor(name: string, world: World, entering: () => void) {
    this.#name = name;
    this.#world = world;
    this.#entering = entering;
  }

  get isInRotation(): boolean {
    return this.#inRotation;
  }

  /** When a balancer forgot the drain whose traffic is there now; undefined when it is there for any other reason. */
  get restartedAtMs(): number | undefined {
    return this.#restartedAtMs;
  }

  connections(): number {
    return this.#inRotation || this.#world.time.nowMs < this.#endsMs ? 1 : 0;
  }

  enter(): void {
    this.#restartedAtMs = undefined;
    if (this.#inRotation) return;
    this.#world.trace(this.#name, 'enters rotation');
    this.#entering();
    this.#inRotation = true;
  }

  /** A balancer that was restarted knows of no drain any more. */
  restartBalancer(): void {
    if (this.#inRotation) return;
    this.#world.count('balancer restart');
    this.#world.trace(this.#name, 'is in rotation again, because its balancer was restarted');
    this.#restartedAtMs = this.#world.time.nowMs;
    this.#inRotation = true;
  }

  leave(): void {
    if (!this.#inRotation) return;
    this.#inRotation = false;
    const isStuck = this.#world.strikes('drain fails', this.#world.faults.failedDrains);
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
      const ok = !this.#world.strikes('drain fails', this.#world.faults.failedDrains);
      return { kind: 'turned-away', ok, detail: 'refused' };
    }
    const clear = this.connections() === 0;
    if (clear) this.#restartedAtMs = undefined;
    return { kind: 'drain-read', token: action.token, clear, detail: clear ? 'idle' : 'traffic' };
  }

  /** The VM itself went down, and every connection with it. */
  cut(): void {
    this.leave();
    this.#endsMs = 0;
  }
}
