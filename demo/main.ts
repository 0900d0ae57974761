import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock, type Clock } from '../common/runtime/clock.ts';
import type { CommandContext } from '../common/runtime/command.ts';
import { aborted, Closers, stopSignal } from '../common/runtime/lifecycle.ts';
import { startLoad } from './load/generator.ts';
import { Ledger } from './load/ledger.ts';
import { followOrders } from './load/orders.ts';
import { playStep } from './play-step.ts';
import { startCast, type Cast } from './programs/cast.ts';
import { formatIntroduction, MINIMUM_REQUESTS, type StepResult } from './report.ts';
import { conclude } from './conclude.ts';
import { createFolder, withFolder } from './folder.ts';
import { createShop } from './shop.ts';
import { STEPS } from './steps/steps.ts';
import { parseEntryOrUndefined, type Entry } from './timeline/entry.ts';
import { Timeline } from './timeline/timeline.ts';
import { openWatch } from './timeline/watch.ts';

export interface DemoOptions {
  readonly context: CommandContext;
  /** End after the steps. */
  readonly isOnce: boolean;
  readonly keepFolder: boolean;
  /** Results as JSON on standard output, everything else on standard error. */
  readonly isJson: boolean;
}

/** Enough to notice a single loss, little enough that two cores also have time for the fleet itself. */
const REQUESTS_PER_SECOND = 250;
/** Exit status of a program that was ended by SIGINT, as shells count. */
const EXIT_INTERRUPTED = 130;

/**
 * Plays the demonstration and returns its exit status. Rejects with a `UserError` when a request failed or a step did not
 * come to its end; the folder with the logs is kept then. Leaves no process behind, however it ends.
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const stop = stopSignal();
  const closers = new Closers();
  const folder = await createFolder(tmpdir());
  // Ends whatever still waits for something once the play is over for any reason.
  const ending = new AbortController();
  let isKept = options.keepFolder;
  try {
    await play({ ...options, folder, stop, closers, clock: systemClock }, ending.signal);
    return 0;
  } catch (error) {
    if (stop.aborted) return EXIT_INTERRUPTED;
    isKept = true;
    throw withFolder(error, folder);
  } finally {
    ending.abort(new Error('the demonstration has ended'));
    await closers.close();
    // Processes that were killed a moment ago may still have been writing.
    if (!isKept) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Performance extends DemoOptions {
  readonly folder: string;
  readonly stop: AbortSignal;
  readonly closers: Closers;
  readonly clock: Clock;
}

async function play(performance: Performance, ending: AbortSignal): Promise<void> {
  const { context, folder, stop, closers, clock } = performance;
  const print = (text: string): void => {
    if (performance.isJson) context.terminal.printError(text);
    else context.terminal.print(text);
  };
  print(formatIntroduction({ requestsPerSecond: REQUESTS_PER_SECOND, folder }));
  print('\nStarting the queue, the scheduler, and the emulator with its five VMs ...');
  const stopped = failWhenStopped(stop);
  const starting = startCast({
    cliFile: context.cliFile,
    environment: context.environment,
    folder,
    clock,
    closers,
    signal: ending,
  });
  const cast = await Promise.race([starting, stopped]);
  const timeline = await openTimeline(performance, cast, print);
  const shop = createShop(cast, clock);
  const guard = async <Value>(work: Promise<Value>): Promise<Value> =>
    await Promise.race([work, stopped, cast.failure]);

  await guard(shop.untilWhole(ending));
  const ledger = new Ledger();
  const load = startLoad({ url: cast.publicUrl, requestsPerSecond: REQUESTS_PER_SECOND, ledger, clock });
  closers.add(async () => {
    await load.stop();
  });
  const orders = followOrders({ kind: 'http', url: cast.queueUrl }, { ledger, clock }, ending);
  const lost = failWhenRejected(orders);
  print('Every VM is in service, and the load has begun.');

  const results: StepResult[] = [];
  for (const step of STEPS) {
    const stage = { shop, clock, signal: ending };
    const playing = playStep(step, { stage, ledger, timeline, minimumRequests: MINIMUM_REQUESTS, print });
    results.push(await guard(Promise.race([playing, lost])));
  }
  const failure = guard(lost);
  // Nobody waits for it when the demonstration ends with its steps.
  failure.catch(() => {});
  await conclude({ ...performance, results, cast, ledger, timeline, print, failure });
}

/** Merges what emulator and scheduler tell; everything is also written to `timeline.jsonl`. */
async function openTimeline(performance: Performance, cast: Cast, print: (text: string) => void): Promise<Timeline> {
  const { closers, clock, folder, context } = performance;
  const file = createWriteStream(path.join(folder, 'logs', 'timeline.jsonl'));
  // Only for reading afterwards: a full disk must not end the demonstration.
  file.on('error', () => {});
  closers.add(() => {
    file.end();
  });
  const record = (entry: Entry): void => {
    file.write(`${JSON.stringify(entry)}\n`);
  };
  const hasColor = context.terminal.hasColor && !performance.isJson;
  const timeline = new Timeline({ clock, hasColor, print, record });
  for (const [stream, url] of [
    ['cloud', `${cast.controlUrl}/watch`],
    ['scheduler', `${cast.schedulerUrl}/forewarn/v1/watch`],
  ] as const) {
    const close = await openWatch(url.replace(/^http/, 'ws'), (text) => {
      const entry = parseEntryOrUndefined(text, stream);
      if (entry !== undefined) timeline.add(entry);
    });
    closers.add(close);
  }
  return timeline;
}

async function failWhenStopped(stop: AbortSignal): Promise<never> {
  await aborted(stop);
  throw new Error('stopped by the user');
}

async function failWhenRejected(work: Promise<void>): Promise<never> {
  await work;
  return await new Promise<never>(() => {});
}
