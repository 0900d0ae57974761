import type { Clock } from '../common/runtime/clock.ts';
import type { CommandContext } from '../common/runtime/command.ts';
import { UserError } from '../common/runtime/errors.ts';
import { socketIn } from './folder.ts';
import type { Ledger } from './load/ledger.ts';
import type { Cast } from './programs/cast.ts';
import { commandPrefix, failureOf, formatInvitation, MINIMUM_REQUESTS, type StepResult } from './report.ts';
import type { Timeline } from './timeline/timeline.ts';

export interface Conclusion {
  readonly context: CommandContext;
  readonly isOnce: boolean;
  readonly isJson: boolean;
  readonly folder: string;
  readonly clock: Clock;
  /** Ctrl-C. */
  readonly stop: AbortSignal;
  readonly results: readonly StepResult[];
  readonly cast: Cast;
  readonly ledger: Ledger;
  readonly timeline: Timeline;
  readonly print: (text: string) => void;
  /** Rejects when a program ends by itself, or on Ctrl-C. */
  readonly failure: Promise<never>;
}

/** How often failed requests are reported after the steps: a burst of them is one line. */
const FAILURES_EVERY_MS = 1000;

/** The verdict over all steps, and then, unless the demonstration was to end with them, a fleet to try things on. */
export async function conclude(end: Conclusion): Promise<void> {
  const { context, isOnce, isJson, stop, folder } = end;
  const failure = failureOf(end.results, MINIMUM_REQUESTS);
  if (isJson) context.terminal.print(JSON.stringify({ ok: failure === undefined, steps: end.results }, null, 2));
  if (failure !== undefined) throw new UserError('REQUESTS_FAILED', failure);
  const sum = end.results.reduce((all, result) => all + result.requests, 0);
  end.print(`\nFour kinds of maintenance, ${sum} requests, none failed.`);
  if (isOnce) return;
  end.print('');
  end.print(
    formatInvitation(commandPrefix(context.cliFile), {
      ...end.cast,
      agentSocket: socketIn(folder),
    }),
  );
  end.print('');
  end.timeline.begin('endless');
  // The only ways out are Ctrl-C, which is a good end now, and a program that ends by itself.
  await Promise.race([reportFailures(end), end.failure]).catch((error: unknown) => {
    if (!stop.aborted) throw error;
  });
  const total = end.ledger.total();
  end.print(`\nIn all: requests ${total.requests}, failed ${total.failed}. Ending every process ...`);
}

/** Says, until the end, when a request of the load fails: not every thing one may try is maintenance. */
async function reportFailures(end: Conclusion): Promise<void> {
  let seen = 0;
  while (await end.clock.sleep(FAILURES_EVERY_MS, end.stop)) {
    const { failed, failures } = end.ledger.current();
    if (failed > seen) {
      const more =
        failures[seen] === undefined ? '' : `, the first: ${failures[seen]?.what}: ${failures[seen]?.reason}`;
      end.print(`          ${failed - seen} requests failed${more}`);
    }
    seen = failed;
  }
}
