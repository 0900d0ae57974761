import type { Clock } from '../../common/runtime/clock.ts';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { SteppedClock } from './stepped-clock.ts';

/** Processes live in real time whatever a clock of ours shows; a fleet in two times would mislead whoever tests with it. */
export function refuseSteppedProcesses(fleet: Fleet, clock: Clock): void {
  if (!(clock instanceof SteppedClock) || fleet.host === 'none') return;
  throw new UserError(
    'STEPPED_PROCESSES',
    `a stepped clock needs "host: none" in the fleet file, found "host: ${fleet.host}": processes go on in real time`,
    { hint: 'say host: none; or take the real clock and shorten the notices (notice)', exitStatus: EXIT_USAGE },
  );
}
