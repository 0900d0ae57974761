import { SteppedClock } from '../../emulator/clock/stepped-clock.ts';

/** The emulator's stepped clock, with the noon that the tests of this project begin at. */
export class FakeClock extends SteppedClock {
  constructor(startMs = Date.parse('2026-11-20T12:00:00Z')) {
    super(startMs);
  }
}
