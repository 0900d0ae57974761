import type { KillsOptions, KillsResult } from './kills-driver.ts';
import { killAtRandom } from './kills.ts';
import { killLeaders } from './leader-kills.ts';

const KINDS: Readonly<Record<'kills' | 'leader-kills', (options: KillsOptions) => Promise<KillsResult>>> = {
  kills: killAtRandom,
  'leader-kills': killLeaders,
};

/** Prints every round; resolves false when something happened that must never happen. */
export async function soakKills(
  kind: keyof typeof KINDS,
  options: { readonly seed: number; readonly rounds: number },
): Promise<boolean> {
  const result = await KINDS[kind]({ ...options, report: (line) => process.stdout.write(`${line}\n`) });
  for (const violation of result.violations) process.stdout.write(`VIOLATION ${violation}\n`);
  const slowest = Math.max(0, ...result.takeoversMs);
  const takeovers =
    result.takeoversMs.length === 0
      ? ''
      : `taken over ${result.takeoversMs.length} (slowest ${(slowest / 1000).toFixed(1)} s), `;
  process.stdout.write(
    `${kind}: ${result.kills} in ${result.rounds} rounds, approved ${result.approved}, ${takeovers}violations ${result.violations.length}; ` +
      `repeat it: npm run soak -- ${kind} --seed ${options.seed} --rounds ${options.rounds}\n`,
  );
  return result.violations.length === 0;
}
