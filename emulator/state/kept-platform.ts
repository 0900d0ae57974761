import type { Clock } from '../../common/runtime/clock.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { createPlatform, type PlatformState } from '../platform/state.ts';
import type { PlatformRunnerOptions } from '../platform-runner.ts';
import { openStateFile } from './state-file.ts';

/** What the platform of a fleet begins with, and how it is kept; `file` undefined: it begins empty, and ends with the emulator. */
export function keptPlatform(
  fleet: Fleet,
  file: string | undefined,
  clock: Clock,
): Pick<PlatformRunnerOptions, 'initial' | 'keep'> {
  const fresh: PlatformState = createPlatform(
    fleet.vms.map((found) => found.vm),
    fleet.scopes,
    fleet.platform,
  );
  if (file === undefined) return { initial: fresh };
  const stateFile = openStateFile(file);
  return {
    initial: stateFile.restore(fresh, clock.now()),
    keep: (state) => {
      stateFile.keep(state);
    },
  };
}
