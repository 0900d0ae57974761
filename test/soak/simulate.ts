import { runCampaign } from '../simulation/campaign.ts';
import type { Mode } from '../simulation/faults.ts';

const PROGRESS_EVERY = 2000;

/** Simulated runs, many. Resolves false when an invariant was broken; prints the seed and how to repeat it. */
export function soakSimulation(options: {
  readonly modes: readonly Mode[];
  readonly first: number;
  readonly seeds: number;
}): boolean {
  let isGood = true;
  for (const mode of options.modes) {
    const began = performance.now();
    const totals = { seeds: 0, events: 0, approved: 0, takeovers: 0, posts: 0, grownAfterRead: 0, failures: 0 };
    for (let first = options.first; first < options.first + options.seeds; first += PROGRESS_EVERY) {
      const seeds = Math.min(PROGRESS_EVERY, options.first + options.seeds - first);
      const summary = runCampaign(mode, first, seeds);
      totals.seeds += seeds;
      totals.events += summary.events;
      totals.approved += summary.approved;
      totals.takeovers += summary.takeovers;
      totals.posts += summary.posts;
      totals.grownAfterRead += summary.residuals.R1;
      totals.failures += summary.failureCount;
      for (const failure of summary.failures) process.stdout.write(`${failure}\n`);
      const perSecond = Math.round(totals.seeds / ((performance.now() - began) / 1000));
      process.stdout.write(
        `${mode}: ${totals.seeds} seeds, ${perSecond}/s, ${totals.events} events, approved ${totals.approved}, approvals sent ${totals.posts}, ` +
          `taken over inside an intent ${totals.takeovers}, VMs named after the last read ${totals.grownAfterRead}, ` +
          `runs that broke an invariant ${totals.failures}\n`,
      );
    }
    isGood &&= totals.failures === 0;
  }
  return isGood;
}
