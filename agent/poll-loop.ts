import type { Clock } from '../common/runtime/clock.ts';
import { formatDuration } from '../common/runtime/duration.ts';
import type { Log } from '../common/runtime/log.ts';
import type { RandomSource } from '../common/runtime/random.ts';
import type { PollResult } from './core/observation.ts';

/** While the service fails it is asked less often, up to this many times the normal period. */
const MAX_SLOWDOWN = 5;

/** Up to this part of a pause more, so that the VMs of a host whose service comes back do not all ask at the same moment. */
const JITTER = 0.3;

export interface PollLoopOptions {
  poll(): Promise<PollResult>;
  observe(result: PollResult): void;
  readonly periodMs: number;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Polls once a period until `signal` aborts, one poll at a time. An outage is said once when it begins and once when it is
 * over, with how long it lasted, and not at every poll.
 */
export async function runPollLoop(options: PollLoopOptions): Promise<void> {
  const { clock, log, signal } = options;
  let failures = 0;
  let failingSinceMs = 0;
  while (!signal.aborted) {
    const startedMs = clock.monotonic();
    const result = await options.poll();
    if (signal.aborted) return;
    if (result.kind === 'failed') {
      if (failures === 0) {
        failingSinceMs = startedMs;
        log.warn({ reason: result.reason }, 'events cannot be read; nothing is assumed about them');
      } else log.debug({ reason: result.reason }, 'events still cannot be read');
      failures++;
    } else if (failures > 0) {
      log.info({ after: formatDuration(clock.monotonic() - failingSinceMs), failures }, 'events can be read again');
      failures = 0;
    }
    options.observe(result);
    // 404, 410 (gone for at most 70 s), 429 and 500 all pass; the service is asked for as long as it takes, not as often as usual.
    const slowdown = Math.max(1, Math.min(failures, MAX_SLOWDOWN));
    const periodMs = options.periodMs * slowdown * (failures === 0 ? 1 : 1 + JITTER * options.random.fraction());
    await clock.sleep(Math.max(0, startedMs + periodMs - clock.monotonic()), signal);
  }
}
