import type { Clock } from '../../common/runtime/clock.ts';
import type { AgentState } from '../core/state.ts';
import type { Drain } from '../drain/drain.ts';
import type { MetadataAnswer } from '../metadata/http.ts';
import type { SelfWatch } from '../status/watch-itself.ts';
import type { Witness } from '../witness.ts';
import { collect } from './collect.ts';
import { createInstruments } from './instruments.ts';
import { measuredDrains } from './measured-drains.ts';
import { createRecorder } from './record.ts';

/** What `/metrics` shows, in Prometheus' text format. */
export interface AgentMetrics {
  readonly witness: Witness;
  /** An answer of the metadata service to a read. */
  heard(answer: MetadataAnswer): void;
  /** The same drains, whose readings are shown. */
  measure(drains: readonly Drain[]): readonly Drain[];
  /** What became of a notification. */
  notified(result: 'sent' | 'failed' | 'dropped'): void;
  /** Once the agent knows its VM. */
  attach(agent: { state(): AgentState; readonly watch: SelfWatch }): void;
  text(): Promise<string>;
}

/** Loads Prometheus' library (2 MB of memory), which is why metrics can be switched off. */
export async function createMetrics(version: string, clock: Clock): Promise<AgentMetrics> {
  const instruments = createInstruments(await import('prom-client'));
  instruments.build.set({ version }, 1);
  for (const result of ['document', 'unchanged', 'failed']) instruments.polls.inc({ result }, 0);
  for (const result of ['accepted', 'refused', 'unknown']) instruments.approvals.inc({ result }, 0);
  for (const result of ['sent', 'failed', 'dropped']) instruments.notifications.inc({ result }, 0);
  let attached: { state(): AgentState; readonly watch: SelfWatch } | undefined;
  return {
    witness: createRecorder(instruments, clock),
    heard: (answer) => {
      if (answer.kind === 'answer' && answer.status === 429) instruments.rateLimited.inc();
    },
    measure: (drains) =>
      measuredDrains(drains, (lb, { count }) => {
        if (count !== undefined) instruments.connections.set({ lb }, count);
      }),
    notified: (result) => {
      instruments.notifications.inc({ result });
    },
    attach: (agent) => {
      attached = agent;
    },
    text: async () => {
      if (attached !== undefined) collect(instruments, attached.state(), attached.watch);
      return await instruments.registry.metrics();
    },
  };
}
