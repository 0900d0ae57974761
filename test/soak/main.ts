// The long runs: npm run soak -- --help. Without a command, each of them at its usual length.
import { Command, InvalidArgumentError, Option } from 'commander';
import { MODES, type Mode } from '../simulation/faults.ts';
import { soakKills } from './soak-kills.ts';
import { soakFleet, soakSchedulers } from './soak-schedulers.ts';
import { soakDemo } from './demo.ts';
import { soakDrains } from './soak-drains.ts';
import { soakRecurrence } from './recurrence.ts';
import { soakSimulation } from './simulate.ts';

const USUAL = {
  seeds: 20_000,
  demos: 20,
  rounds: 50,
  cycles: 200,
  rules: 50_000,
  zonedJobs: 10_000,
  kills: 200,
  fleetKills: 40,
};

const program = new Command('soak').description(
  'Long runs; each prints the seed or the command that repeats a failure.',
);

program
  .command('simulate')
  .description('simulate agents, agreement and platform from many seeds')
  .addOption(new Option('--mode <mode>', 'one mode only').choices(MODES))
  .option('--first <seed>', 'first seed', count, 1)
  .option('--seeds <number>', 'how many seeds of each mode', count, USUAL.seeds)
  .action(async (options: { mode?: Mode; first: number; seeds: number }) => {
    finish(await soakSimulation({ modes: options.mode === undefined ? MODES : [options.mode], ...options }));
  });

program
  .command('demo')
  .description('play the whole demonstration again and again')
  .option('--times <number>', 'how often', count, USUAL.demos)
  .action((options: { times: number }) => {
    finish(soakDemo(options.times));
  });

for (const [name, description] of [
  ['kills', 'kill real agents with SIGKILL at random moments between an event and its approval'],
  ['leader-kills', 'kill whoever leads with SIGKILL at random moments between its election and its approval'],
] as const) {
  program
    .command(name)
    .description(description)
    .option('--seed <seed>', 'seed of the moments', count, 1)
    .option('--rounds <number>', 'how many events', count, USUAL.rounds)
    .action(async (options: { seed: number; rounds: number }) => {
      finish(await soakKills(name, options));
    });
}

program
  .command('drains')
  .description(
    'drain and restore behind a real HAProxy under load, with restarts of HAProxy (needs: apt-get install haproxy)',
  )
  .option('--cycles <number>', 'how often', count, USUAL.cycles)
  .action(async (options: { cycles: number }) => {
    finish(await soakDrains(options));
  });

program
  .command('recurrence')
  .description('random recurrences beside rrule-temporal, and in time zones beside their stated policy')
  .option('--first <seed>', 'first seed', count, 1)
  .option('--rules <number>', 'rules beside rrule-temporal', count, USUAL.rules)
  .option('--jobs <number>', 'jobs in zones, each through thirteen months', count, USUAL.zonedJobs)
  .action((options: { first: number; rules: number; jobs: number }) => {
    finish(soakRecurrence(options));
  });

program
  .command('scheduler')
  .description('kill real schedulers with SIGKILL under load, on SQLite and on PostgreSQL')
  .addOption(new Option('--store <store>', 'one store only').choices(['sqlite', 'postgres']))
  .option('--seed <seed>', 'seed of the moments', count, 1)
  .option('--kills <number>', 'how many kills per store', count, USUAL.kills)
  .option('--replicas <number>', 'how many schedulers on PostgreSQL', count, 3)
  .action(async (options: { store?: 'sqlite' | 'postgres'; seed: number; kills: number; replicas: number }) => {
    finish(await soakSchedulers(options));
  });

program
  .command('fleet')
  .description('kill and freeze replicas of a scheduler while fleet jobs roll over the agents of all of them')
  .option('--seed <seed>', 'seed of the moments', count, 1)
  .option('--kills <number>', 'how many', count, USUAL.fleetKills)
  .option('--replicas <number>', 'how many schedulers', count, 3)
  .action(async (options: { seed: number; kills: number; replicas: number }) => {
    finish(await soakFleet(options));
  });

program.action(async () => {
  const isGood =
    (await soakSimulation({ modes: MODES, first: 1, seeds: USUAL.seeds })) &&
    (await soakKills('kills', { seed: Date.now() % 1_000_000, rounds: USUAL.rounds })) &&
    (await soakKills('leader-kills', { seed: Date.now() % 1_000_000, rounds: USUAL.rounds })) &&
    (await soakSchedulers({ seed: Date.now() % 1_000_000, kills: USUAL.kills, replicas: 3 })) &&
    (await soakFleet({ seed: Date.now() % 1_000_000, kills: USUAL.fleetKills, replicas: 3 })) &&
    (await soakDrains({ cycles: USUAL.cycles })) &&
    soakRecurrence({ first: 1, rules: USUAL.rules, jobs: USUAL.zonedJobs }) &&
    soakDemo(USUAL.demos);
  finish(isGood);
});

function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('expected a whole number above 0');
  return value;
}

function finish(isGood: boolean): void {
  process.stdout.write(isGood ? 'soak passed\n' : 'soak FAILED\n');
  process.exitCode = isGood ? 0 : 1;
}

await program.parseAsync();
