import { spawnSync } from 'node:child_process';
import path from 'node:path';

const CLI = path.resolve(import.meta.dirname, '../../cli.ts');

/** Far above what one takes; one that hangs fails by itself long before. */
const ONE_MAY_TAKE_MS = 300_000;

/** The whole demonstration, again and again. Resolves false at the first that failed, with its output. */
export function soakDemo(times: number): boolean {
  for (let round = 1; round <= times; round++) {
    const began = performance.now();
    const result = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, 'demo', '--once'], {
      encoding: 'utf8',
      timeout: ONE_MAY_TAKE_MS,
    });
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const requests = [...result.stdout.matchAll(/requests ([\d,]+), failed (\d+)/g)].map((match) => match[0]);
    process.stdout.write(
      `demo ${round} of ${times}: exit status ${result.status} after ${seconds} s; ${requests.join('; ')}\n`,
    );
    if (result.status !== 0) {
      process.stdout.write(`${result.stdout}\n${result.stderr}\n`);
      return false;
    }
  }
  return true;
}
