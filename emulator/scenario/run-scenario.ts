import { systemClock } from '../../common/runtime/clock.ts';
import type { Environment } from '../../common/runtime/environment.ts';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import { Closers } from '../../common/runtime/lifecycle.ts';
import { steppedClock } from '../clock/stepped-clock.ts';
import type { ProgramFiles } from '../emulated-vm.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { startEmulator } from '../start-emulator.ts';
import { ownTarget } from './own-target.ts';
import { play, type Playing, type ScenarioReport } from './play.ts';
import { startStandIns } from './stand-ins.ts';

export interface ScenarioRun extends Playing {
  readonly fleet: Fleet;
  /** Undefined: the VMs are somebody's. */
  readonly standIns: { readonly approveAfterMs: number | undefined } | undefined;
  readonly environment: Environment;
  readonly programs: ProgramFiles;
}

/** Plays a scenario against an emulator of its own. Throws a `UserError` when it cannot begin at all. */
export async function runScenario(run: ScenarioRun): Promise<ScenarioReport> {
  const { scenario, fleet } = run;
  const clock = scenario.clock === 'stepped' ? steppedClock() : systemClock;
  if (scenario.clock === 'stepped' && fleet.balancing !== undefined) {
    const message =
      'a stepped clock and a public address do not go together: probes are real requests, which no stepping moves';
    throw new UserError('STEPPED_PROBES', message, { hint: 'run it with --clock real', exitStatus: EXIT_USAGE });
  }
  const closers = new Closers();
  try {
    const { environment, programs } = run;
    const emulator = await startEmulator({ fleet, environment, programs, clock });
    closers.add(async () => {
      await emulator.close();
    });
    if (run.standIns !== undefined) {
      const { approveAfterMs } = run.standIns;
      const standIns = await startStandIns({ emulator, clock, balancing: fleet.balancing, approveAfterMs });
      closers.add(async () => {
        await standIns.close();
      });
    }
    return await play(run, ownTarget(emulator, clock));
  } finally {
    await closers.close();
  }
}
