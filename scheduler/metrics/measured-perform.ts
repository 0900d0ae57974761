import type { Clock } from '../../common/runtime/clock.ts';
import type { PerformAction } from '../engine/engine.ts';
import type { Instruments } from './instruments.ts';

const OUTCOMES = ['completed', 'failed', 'interrupted'] as const;
const TYPES = ['Http', 'Https', 'StorageQueue', 'ServiceBusQueue', 'ServiceBusTopic', 'Fleet'] as const;

/** The same actions, counted and timed. Thousands a second go through it: what a label names is looked up once. */
export function measuredPerform(perform: PerformAction, instruments: Instruments, clock: Clock): PerformAction {
  const { performed, duration, lag, running, retries, repeats } = instruments;
  const of = new Map(
    TYPES.map((type) => [
      type,
      {
        completed: performed.labels({ type, outcome: OUTCOMES[0] }),
        failed: performed.labels({ type, outcome: OUTCOMES[1] }),
        interrupted: performed.labels({ type, outcome: OUTCOMES[2] }),
        duration: duration.labels({ type }),
      },
    ]),
  );
  return async (claim, interrupt) => {
    const { execution, job } = claim;
    const beganMs = clock.monotonic();
    // A retry and an error action are late by their own time, not by that of the occurrence; a repetition waited for a death.
    const isFirst = execution.retry === 0 && execution.action === 'main';
    const dueMs = isFirst ? execution.dueMs : execution.runAtMs;
    if (execution.attempt > 1) repeats.inc();
    else lag.observe(Math.max(0, clock.now() - dueMs) / 1000);
    if (execution.retry > 0) retries.inc();
    running.inc();
    try {
      const outcome = await perform(claim, interrupt);
      const known = of.get(job.definition.action.type);
      known?.duration.observe((clock.monotonic() - beganMs) / 1000);
      known?.[interrupt.isRequested || outcome === undefined ? 'interrupted' : outcome.status].inc();
      return outcome;
    } finally {
      running.dec();
    }
  };
}
