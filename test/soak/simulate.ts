import { Threads } from '../simulation/on-threads.ts';
import { describeCampaign } from '../simulation/report.ts';
import type { Mode } from '../simulation/faults.ts';

/** Simulated runs, many. Resolves false when an invariant was broken; prints the seed and how to repeat it. */
export async function soakSimulation(options: {
  readonly modes: readonly Mode[];
  readonly first: number;
  readonly seeds: number;
}): Promise<boolean> {
  const { first, seeds } = options;
  const threads = new Threads();
  let isGood = true;
  for (const mode of options.modes) {
    const began = performance.now();
    const sum = await threads.campaign({ mode, first, seeds });
    process.stdout.write(`${describeCampaign(sum, performance.now() - began)}\n`);
    for (const failure of sum.failures) process.stdout.write(`${failure}\n`);
    isGood &&= sum.failureCount === 0;
  }
  await threads.close();
  return isGood;
}
