import type { Clock } from '../common/runtime/clock.ts';
import type { Closers } from '../common/runtime/lifecycle.ts';
import type { Log } from '../common/runtime/log.ts';
import type { SchedulerMetrics } from './metrics/metrics.ts';
import type { SchedulerSettings } from './settings.ts';
import type { Store } from './store/store.ts';

/** What every part of a scheduler is opened with. */
export interface Opening {
  readonly settings: SchedulerSettings;
  readonly log: Log;
  readonly clock: Clock;
  readonly closers: Closers;
  readonly store: Store;
  readonly metrics: SchedulerMetrics | undefined;
}
