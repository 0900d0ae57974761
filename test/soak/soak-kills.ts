import { killAtRandom } from './kills.ts';

/** Prints every round; resolves false when something happened that must never happen. */
export async function soakKills(options: { readonly seed: number; readonly rounds: number }): Promise<boolean> {
  const result = await killAtRandom({
    ...options,
    report: (line) => process.stdout.write(`${line}\n`),
  });
  for (const violation of result.violations) process.stdout.write(`VIOLATION ${violation}\n`);
  process.stdout.write(
    `kills: ${result.kills} in ${result.rounds} rounds, approved ${result.approved}, violations ${result.violations.length}; ` +
      `repeat it: npm run soak -- kills --seed ${options.seed} --rounds ${options.rounds}\n`,
  );
  return result.violations.length === 0;
}
