import path from 'node:path';
import type { CommandContext } from '../common/runtime/command.ts';
import { aborted, stopSignal } from '../common/runtime/lifecycle.ts';
import { createLog, type LogLevel } from '../common/runtime/log.ts';
import { steppedClock } from './clock/stepped-clock.ts';
import { defaultFleet, loadFleet } from './fleet/load-fleet.ts';
import { preferSmallHeap } from './small-heap.ts';
import { startEmulator } from './start-emulator.ts';

/** `forewarn emulator`: serves a fleet until it is told to stop. */
export async function runEmulator(
  context: CommandContext,
  options: {
    readonly fleet?: string;
    readonly logLevel: LogLevel;
    readonly clock: 'real' | 'stepped';
    readonly state?: string;
  },
): Promise<void> {
  preferSmallHeap();
  const stop = stopSignal();
  const fleet =
    options.fleet === undefined ? defaultFleet(path.resolve('.')) : await loadFleet(options.fleet, context.environment);
  const log = createLog('emulator', options.logLevel);
  const emulator = await startEmulator({
    fleet,
    environment: context.environment,
    programs: {
      node: process.execPath,
      forewarn: [process.execPath, ...process.execArgv, context.cliFile],
    },
    log,
    ...(options.state === undefined ? {} : { stateFile: options.state }),
    ...(options.clock === 'stepped' ? { clock: steppedClock() } : {}),
  });
  const vms = emulator.vms.map(({ name, metadata }) => ({ name, metadata }));
  const { control, compute } = emulator;
  log.info({ control, public: emulator.publicAddress, ...(compute === undefined ? {} : { compute }), vms }, 'ready');
  await aborted(stop);
  await emulator.close();
  log.info({}, 'stopped');
}
