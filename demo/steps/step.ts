import type { Clock } from '../../common/runtime/clock.ts';
import type { Shop } from '../shop.ts';

/** What a step of the demonstration works with. */
export interface Stage {
  readonly shop: Shop;
  readonly clock: Clock;
  /** Aborts when the demonstration is to end. */
  readonly signal: AbortSignal;
}

/** One thing that a step has shown, for people: a fact with the figures that prove it. */
export type Proof = string;

/** One act of the demonstration. */
export interface Step {
  /** `(a) Freeze FrontEnd_IN_0 for 3 s`. */
  readonly title: string;
  /**
   * Makes it happen and waits until the fleet is whole again. Resolves with what was proven; rejects with a `UserError` when
   * something did not come, or when the impact was not real.
   */
  run(stage: Stage): Promise<readonly Proof[]>;
}
