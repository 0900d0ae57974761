// The whole gate: types, lint, format, dead code, tests. Runs every step even when one fails, so that one run shows all.
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const root = path.dirname(import.meta.dirname);
const bin = (name: string): string => path.join(root, 'node_modules', '.bin', name);

const STEPS: readonly { readonly name: string; readonly command: readonly string[] }[] = [
  { name: 'types', command: [bin('tsc'), '-p', 'tsconfig.json'] },
  { name: 'lint', command: [bin('oxlint'), '--deny-warnings'] },
  { name: 'format', command: [bin('oxfmt'), '--check', '.'] },
  { name: 'dead code', command: [bin('knip')] },
  { name: 'tests', command: [bin('vitest'), 'run'] },
];

// `npm run check -- --no-tests` is for whoever has just run the tests.
const steps = process.argv.includes('--no-tests') ? STEPS.filter((step) => step.name !== 'tests') : STEPS;
const failed: string[] = [];
for (const step of steps) {
  const [command = '', ...parameters] = step.command;
  const began = performance.now();
  const result = spawnSync(command, parameters, { cwd: root, stdio: step.name === 'tests' ? 'inherit' : 'pipe' });
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const isOk = result.status === 0;
  if (!isOk) {
    failed.push(step.name);
    process.stdout.write(`${result.stdout?.toString() ?? ''}${result.stderr?.toString() ?? ''}`);
    if (result.error !== undefined) process.stdout.write(`${result.error.message}\n`);
  }
  process.stdout.write(`${isOk ? 'ok    ' : 'FAILED'} ${step.name} (${seconds} s)\n`);
}
if (failed.length > 0) {
  process.stdout.write(`check failed: ${failed.join(', ')} (npm run format mends the format)\n`);
  process.exitCode = 1;
}
