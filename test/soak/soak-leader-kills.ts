import { killLeaders } from './leader-kills.ts';

/** Prints every round; resolves false when something happened that must never happen. */
export async function soakLeaderKills(options: { readonly seed: number; readonly rounds: number }): Promise<boolean> {
  const result = await killLeaders({
    ...options,
    report: (line) => process.stdout.write(`${line}\n`),
  });
  for (const violation of result.violations) process.stdout.write(`VIOLATION ${violation}\n`);
  const slowest = Math.max(0, ...result.takeoversMs);
  process.stdout.write(
    `leader kills: ${result.kills} in ${result.rounds} rounds, approved ${result.approved}, taken over ${result.takeoversMs.length} ` +
      `(slowest ${(slowest / 1000).toFixed(1)} s), violations ${result.violations.length}; ` +
      `repeat it: npm run soak -- leader-kills --seed ${options.seed} --rounds ${options.rounds}\n`,
  );
  return result.violations.length === 0;
}
