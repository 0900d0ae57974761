// npm run simulate -- --help
import { Command, InvalidArgumentError, Option } from 'commander';
import type { CampaignSummary } from './campaign.ts';
import { gapsOf, missingFaults } from './coverage.ts';
import { MODES, type Mode } from './faults.ts';
import { MUTANTS } from './mutants/mutants.ts';
import { Threads } from './on-threads.ts';
import { describeAll, describeCampaign, describeFaults, describeMutants } from './report.ts';
import { simulate } from './run.ts';

const USUAL_SEEDS = 20_000;
const PROGRESS_MS = 30_000;

const program = new Command('simulate')
  .description(
    'The product’s own decisions against every fault there is, from many seeds. Fails when an invariant was broken, or when too little happened to prove anything.',
  )
  .addOption(new Option('--mode <mode>', 'one mode only').choices(MODES))
  .option('--first <seed>', 'first seed', count, 1)
  .option('--seeds <number>', 'how many seeds, of all modes together where none is named', count, USUAL_SEEDS)
  .option('--threads <number>', 'how many processors to use', count)
  .option('--mutants', 'switch rules off one by one instead, and look for each in that many seeds')
  .option('--trace', 'print what happens in the first seed of the mode, and nothing else')
  .addHelpText(
    'after',
    `
Examples:
  npm run simulate -- --seeds 1000000
  npm run simulate -- --mode safety --first 4711 --seeds 1 --trace
  npm run simulate -- --mutants`,
  );

interface Options {
  readonly mode?: Mode;
  readonly first: number;
  readonly seeds: number;
  readonly threads?: number;
  readonly mutants?: boolean;
  readonly trace?: boolean;
}

program.action(async (options: Options) => {
  const isGood = options.trace === true ? printTrace(options) : await run(options);
  process.stdout.write(isGood ? 'simulation passed\n' : 'simulation FAILED\n');
  process.exitCode = isGood ? 0 : 1;
});

async function run(options: Options): Promise<boolean> {
  const threads = new Threads(options.threads);
  try {
    return options.mutants === true ? await findMutants(options, threads) : await runModes(options, threads);
  } finally {
    await threads.close();
  }
}

function printTrace({ mode = 'safety', first }: Options): boolean {
  const result = simulate(mode, first);
  process.stdout.write([...result.trace(), ...result.describe(), `digest ${result.digest()}`, ''].join('\n'));
  for (const { invariant, atMs, detail } of result.violations)
    process.stdout.write(`${invariant} at ${atMs}: ${detail}\n`);
  return result.violations.length === 0;
}

async function runModes(options: Options, threads: Threads): Promise<boolean> {
  const modes = options.mode === undefined ? MODES : [options.mode];
  const seeds = Math.ceil(options.seeds / modes.length);
  const sums: CampaignSummary[] = [];
  for (const mode of modes) {
    const began = performance.now();
    const sum = await threads.campaign({ mode, first: options.first, seeds, progress: progressOf(mode, seeds) });
    process.stdout.write(`${describeCampaign(sum, performance.now() - began)}\n${describeFaults(sum)}\n`);
    for (const failure of sum.failures) process.stdout.write(`${failure}\n`);
    sums.push(sum);
  }
  const missing = missingFaults(sums).map((kind) => `never happened: ${kind}`);
  const gaps = [...sums.flatMap(gapsOf), ...missing];
  process.stdout.write(`\n${describeAll(sums)}\n${gaps.map((gap) => `${gap}\n`).join('')}`);
  return gaps.length === 0 && sums.every(({ failureCount }) => failureCount === 0);
}

/** A line now and then, for whoever waits. */
function progressOf(mode: Mode, seeds: number): (soFar: CampaignSummary) => void {
  let saidAt = performance.now();
  return (soFar) => {
    if (performance.now() - saidAt < PROGRESS_MS) return;
    saidAt = performance.now();
    process.stdout.write(`${mode}: ${soFar.seeds} of ${seeds} seeds, ${soFar.failureCount} broke an invariant\n`);
  };
}

async function findMutants(options: Options, threads: Threads): Promise<boolean> {
  const names = MUTANTS.map(({ name }) => name);
  const findings = await threads.mutants(names, options.seeds);
  process.stdout.write(`${describeMutants(findings)}\n`);
  return findings.every(({ found, control }) => found !== undefined && control.length === 0);
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('expected a whole number above 0');
  return value;
}

await program.parseAsync();
