import { simulate, type RunResult } from './run.ts';
import type { Mode } from './faults.ts';

export interface CampaignSummary {
  readonly mode: Mode;
  readonly seeds: number;
  readonly events: number;
  readonly approved: number;
  readonly takeovers: number;
  readonly posts: number;
  readonly grownAfterRead: number;
  /** The first few runs in which an invariant was broken. */
  readonly failures: readonly RunResult[];
  readonly failureCount: number;
}

const FAILURES_KEPT = 3;

/** Runs the seeds `first` to `first + seeds - 1` of one mode. */
export function runCampaign(mode: Mode, first: number, seeds: number): CampaignSummary {
  const totals = { events: 0, approved: 0, takeovers: 0, posts: 0, grownAfterRead: 0, failureCount: 0 };
  const failures: RunResult[] = [];
  for (let seed = first; seed < first + seeds; seed++) {
    const result = simulate(mode, seed);
    totals.events += result.events;
    totals.approved += result.approved;
    if (result.takeovers > 0) totals.takeovers++;
    totals.posts += result.posts;
    totals.grownAfterRead += result.grownAfterRead;
    if (result.violations.length > 0) {
      totals.failureCount++;
      if (failures.length < FAILURES_KEPT) failures.push(result);
    }
  }
  return { mode, seeds, ...totals, failures };
}

/** What to read first when a run failed, and how to see it again. */
export function describeFailure(result: RunResult): string {
  const broken = result.violations.map(({ invariant, atMs, detail }) => `${invariant} at ${atMs}: ${detail}`);
  return [
    `seed ${result.seed} of mode ${result.mode} broke ${broken.length} invariants:`,
    ...broken.slice(0, 10),
    ...result.trace.slice(-120),
    `repeat it: npm run soak -- simulate --mode ${result.mode} --first ${result.seed} --seeds 1`,
  ].join('\n');
}
