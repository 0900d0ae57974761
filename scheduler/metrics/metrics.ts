import type { Clock } from '../../common/runtime/clock.ts';
import type { PerformAction } from '../engine/engine.ts';
import type { Backlog, Store } from '../store/store.ts';
import { createInstruments, type Instruments } from './instruments.ts';
import { measuredPerform } from './measured-perform.ts';
import { measuredStore } from './measured-store.ts';

/** What `GET /metrics` shows, in Prometheus' text format. */
export interface SchedulerMetrics {
  /** The same store, whose work is counted and timed. */
  measureStore(store: Store): Store;
  /** The same actions, counted and timed. */
  measurePerform(perform: PerformAction): PerformAction;
  /** A request to the API was answered. */
  answered(status: number): void;
  /** What is asked for when somebody looks. */
  attach(views: MetricsViews): void;
  text(): Promise<string>;
}

/** What is true now; read at each look, and nowhere else. */
export interface MetricsViews {
  readonly backlog: () => Promise<Backlog>;
  readonly agents: () => number;
  readonly vms: () => number;
  readonly refusals: () => Readonly<Record<string, number>>;
}

/** Loads Prometheus' library (2 MB of memory), which is why metrics can be switched off. */
export async function createMetrics(version: string, clock: Clock): Promise<SchedulerMetrics> {
  const instruments = createInstruments(await import('prom-client'));
  instruments.build.set({ version }, 1);
  for (const status of STATUS_CLASSES) instruments.requests.inc({ status }, 0);
  const classes = new Map(STATUS_CLASSES.map((status) => [status, instruments.requests.labels({ status })]));
  let attached: MetricsViews | undefined;
  return {
    measureStore: (store) => measuredStore(store, instruments, clock),
    measurePerform: (perform) => measuredPerform(perform, instruments, clock),
    answered: (status) => classes.get(`${Math.floor(status / 100)}xx`)?.inc(),
    attach: (views) => {
      attached = views;
    },
    text: async () => {
      if (attached !== undefined) await collect(instruments, attached);
      return await instruments.registry.metrics();
    },
  };
}

const STATUS_CLASSES = ['2xx', '3xx', '4xx', '5xx'];

/** Sets the gauges to what is true now. A store that cannot be read leaves its own out: an old figure would be believed. */
async function collect(instruments: Instruments, views: MetricsViews): Promise<void> {
  instruments.agents.set(views.agents());
  instruments.vms.set(views.vms());
  instruments.refusals.reset();
  for (const [reason, count] of Object.entries(views.refusals())) instruments.refusals.inc({ reason }, count);
  const backlog = await views.backlog().catch(() => undefined);
  instruments.executions.reset();
  if (backlog === undefined) {
    instruments.jobsDue.remove();
    return;
  }
  instruments.jobsDue.set(backlog.jobsDue);
  for (const state of ['waiting', 'due', 'queued', 'running'] as const) {
    instruments.executions.set({ state }, backlog[state]);
  }
}
