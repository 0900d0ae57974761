import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../common/runtime/clock.ts';
import type { Environment } from '../../common/runtime/environment.ts';
import type { Closers } from '../../common/runtime/lifecycle.ts';
import { copyShop } from './shop-folder.ts';
import { startProgram, type Program } from './program.ts';

export interface CastOptions {
  /** The running `cli.ts` or `cli.js`; every program is started through it, as a user would. */
  readonly cliFile: string;
  readonly environment: Environment;
  /** Receives the copy of the example fleet, the VMs' disks, the scheduler's store and all logs. */
  readonly folder: string;
  readonly clock: Clock;
  /** Nothing more is started once it aborts. */
  readonly signal: AbortSignal;
  /** Will end the programs that were started. */
  readonly closers: Closers;
}

/** Everything that plays: real processes with real addresses. */
export interface Cast {
  /** `http://127.0.0.1:PORT` of each. */
  readonly queueUrl: string;
  readonly schedulerUrl: string;
  readonly controlUrl: string;
  readonly publicUrl: string;
  /** Copy of the example fleet that is being played. */
  readonly shopFolder: string;
  /** Rejects as soon as one of the programs ends by itself. */
  readonly failure: Promise<never>;
}

const listenSchema = z.object({ listen: z.string() });
const emulatorSchema = z.object({ control: z.string(), public: z.string() });

/**
 * Starts the queue, the scheduler, and the emulator with the whole fleet: five VMs, each with its application and its agent.
 * Resolves when all three programs are ready; the VMs go on booting.
 */
export async function startCast(options: CastOptions): Promise<Cast> {
  const { cliFile, environment, folder, closers } = options;
  const shopFolder = path.join(folder, 'shop');
  await copyShop(path.dirname(cliFile), shopFolder);
  await mkdir(path.join(folder, 'logs'));

  const programs: Program[] = [];
  // All at once: each may need seconds, and whoever pressed Ctrl-C should not wait for their sum.
  closers.add(async () => {
    await Promise.all(programs.map(async (program) => await program.stop()));
  });
  const start = async (name: string, args: readonly string[], more: Environment): Promise<unknown> => {
    options.signal.throwIfAborted();
    const program = startProgram({
      name,
      // The same runtime with the same options as this process.
      command: [process.execPath, ...process.execArgv, ...args],
      environment: { ...withoutOurs(environment), ...more },
      folder: shopFolder,
      logFile: path.join(folder, 'logs', `${name}.log`),
      clock: options.clock,
    });
    programs.push(program);
    return await program.ready;
  };

  const [queue, scheduler] = await Promise.all([
    start('queue', ['queue.mjs'], { SHOP_QUEUE_PORT: '0' }),
    start('scheduler', [cliFile, 'scheduler', '--config', 'scheduler.yaml'], {
      FOREWARN_SCHEDULER_PORT: '0',
      SHOP_SCHEDULER_FOLDER: folder,
    }),
  ]);
  const queueUrl = asUrl(listenSchema.parse(queue).listen);
  const schedulerUrl = asUrl(listenSchema.parse(scheduler).listen);
  const emulator = await start('emulator', [cliFile, 'emulator', '--fleet', 'fleet.yaml'], {
    FOREWARN_CONTROL_PORT: '0',
    SHOP_PORT: '0',
    SHOP_FOLDER: path.join(folder, 'vms'),
    SHOP_SCHEDULER_URL: schedulerUrl,
    SHOP_QUEUE_URL: queueUrl,
  });
  const addresses = emulatorSchema.parse(emulator);
  return {
    queueUrl,
    schedulerUrl,
    controlUrl: asUrl(addresses.control),
    publicUrl: asUrl(addresses.public),
    shopFolder,
    failure: Promise.race(programs.map(async (program) => await program.failure)),
  };
}

/** Settings that the caller's shell has for another fleet must not reach this one. */
function withoutOurs(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/^(FOREWARN|SHOP)_/.test(name)));
}

/** Programs log `127.0.0.1:7070`, or the whole URL. */
function asUrl(address: string): string {
  return /^https?:\/\//.test(address) ? address : `http://${address}`;
}
