import type { Clock } from '../../common/runtime/clock.ts';
import { UserError } from '../../common/runtime/errors.ts';
import { SteppedClock } from './stepped-clock.ts';

/** The emulator's time, as the operator sees it. */
export interface ClockView {
  /** ISO 8601, UTC. */
  readonly now: string;
  readonly nowMs: number;
  /** `stepped`: it moves only when it is told to. */
  readonly kind: 'real' | 'stepped';
}

export interface ClockVerbs {
  view(): ClockView;
  /** Moves a stepped clock. Throws a `UserError` (`CLOCK_IS_REAL`) when it moves by itself: never both silently. */
  advance(ms: number): Promise<ClockView>;
}

export function createClockVerbs(clock: Clock): ClockVerbs {
  const view = (): ClockView => {
    const nowMs = clock.now();
    const kind = clock instanceof SteppedClock ? 'stepped' : 'real';
    return { now: new Date(nowMs).toISOString(), nowMs, kind };
  };
  return {
    view,
    advance: async (ms) => {
      if (!(clock instanceof SteppedClock)) {
        throw new UserError('CLOCK_IS_REAL', "this emulator's clock is the real one, which nobody can move", {
          hint: 'start it with --clock stepped; or, for clients in other processes, shorten the notices in the fleet file',
        });
      }
      await clock.advance(ms);
      return view();
    },
  };
}
