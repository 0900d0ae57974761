import type { World } from './world.ts';

/** The connection of one VM to the coordinator, as the VM finds it when it looks. */
export class Link {
  readonly #world: World;
  #partitionedUntilMs = 0;
  #isUp = false;

  constructor(world: World) {
    this.#world = world;
  }

  partition(ms: number): void {
    this.#partitionedUntilMs = this.#world.time.nowMs + ms;
  }

  /** The process has ended, and its connection with it. */
  cut(): void {
    this.#isUp = false;
  }

  canTalk(): boolean {
    return this.#isUp && this.#canReach();
  }

  /** What has changed since the last look. */
  watch(): 'connected' | 'disconnected' | undefined {
    const isUp = this.#canReach();
    if (isUp === this.#isUp) return undefined;
    this.#isUp = isUp;
    return isUp ? 'connected' : 'disconnected';
  }

  #canReach(): boolean {
    const isPartitioned = this.#world.isFaulty() && this.#world.time.nowMs < this.#partitionedUntilMs;
    return this.#world.coordinator.isUp() && !isPartitioned;
  }
}
