import { UserError } from '../common/runtime/errors.ts';
import type { Ledger } from './load/ledger.ts';
import { createStepResult, formatStepEnd, type StepResult } from './report.ts';
import type { Stage, Step } from './steps/step.ts';
import { formatHeading } from './timeline/format.ts';
import type { Timeline } from './timeline/timeline.ts';
import { waitFor } from './wait.ts';

export interface StepContext {
  readonly stage: Stage;
  readonly ledger: Ledger;
  readonly timeline: Timeline;
  readonly minimumRequests: number;
  readonly print: (text: string) => void;
}

/** A step waits for its own events with limits of their own; together they must not take longer than this. */
const STEP_LIMIT_MS = 120_000;
/** At the pace of the load this many requests take a few seconds. */
const ENOUGH_LIMIT_MS = 60_000;
/** Longer than a request may take and an order after it, so that each of them has had its verdict. */
const SETTLE_LIMIT_MS = 30_000;

/** Plays one step under load and prints how it went. Rejects with a `UserError` when it did not come to its end. */
export async function playStep(step: Step, context: StepContext): Promise<StepResult> {
  const { stage, ledger, timeline, print } = context;
  const startMs = stage.clock.monotonic();
  print(`\n${formatHeading(step.title)}`);
  timeline.begin('step');
  const proofs = await Promise.race([step.run(stage), failWhenLate(step, stage)]);
  await waitFor(
    {
      what: `${context.minimumRequests} requests`,
      limitMs: ENOUGH_LIMIT_MS,
      look: async () => {
        const { requests } = await Promise.resolve(ledger.current());
        return requests >= context.minimumRequests ? { value: true } : { missing: `there were ${requests}` };
      },
    },
    stage.clock,
    stage.signal,
  );
  const read = ledger.nextSegment();
  const durationMs = Math.round(stage.clock.monotonic() - startMs);
  await waitFor(
    {
      what: 'the last requests and orders of the step',
      limitMs: SETTLE_LIMIT_MS,
      look: async () => {
        const { open } = await Promise.resolve(read());
        return open === 0 ? { value: true } : { missing: `${open} are open` };
      },
    },
    stage.clock,
    stage.signal,
  );
  timeline.end();
  const result = createStepResult({ title: step.title, durationMs, proofs }, read());
  for (const line of formatStepEnd(result)) print(line);
  return result;
}

async function failWhenLate(step: Step, stage: Stage): Promise<never> {
  const isLate = await stage.clock.sleep(STEP_LIMIT_MS, stage.signal);
  if (isLate) {
    throw new UserError('STEP_TOO_LONG', `${step.title} did not come to its end within ${STEP_LIMIT_MS / 1000} s`);
  }
  return await new Promise<never>(() => {});
}
