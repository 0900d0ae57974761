#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { realpathSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import { systemEnvironment } from './common/runtime/environment.ts';
import { describeError, EXIT_FAILURE, EXIT_USAGE, UserError } from './common/runtime/errors.ts';
import type { CommandContext } from './common/runtime/command.ts';
import { systemTerminal } from './common/runtime/terminal.ts';
import { packageVersion } from './common/runtime/version.ts';

/**
 * The `forewarn` command. Only the part that was asked for is loaded: the agent stays light, and a broken program cannot
 * keep another from starting.
 */
const PARTS: readonly {
  readonly name: string;
  readonly summary: string;
  load(context: CommandContext): Promise<Command>;
}[] = [
  {
    name: 'emulator',
    summary: 'serve Scheduled Events to a fleet, and freeze, reboot and redeploy its VMs',
    load: async (context) => (await import('./emulator/command.ts')).emulatorCommand(context),
  },
  {
    name: 'agent',
    summary: 'watch for events on this VM, drain it, and approve once every VM has drained',
    load: async (context) => (await import('./agent/command.ts')).agentCommand(context),
  },
  {
    name: 'scheduler',
    summary: 'run jobs, roll maintenance over the fleet, and keep the agreements of the agents',
    load: async (context) => (await import('./scheduler/command.ts')).schedulerCommand(context),
  },
  {
    name: 'events',
    summary: 'show the events the fleet knows: who promised, who approved, what is awaited',
    load: async (context) => (await import('./scheduler/operator-commands.ts')).eventsCommand(context),
  },
  {
    name: 'vms',
    summary: 'show the VMs whose agents are known to the scheduler',
    load: async (context) => (await import('./scheduler/operator-commands.ts')).vmsCommand(context),
  },
  {
    name: 'job',
    summary: 'create, list, run and delete jobs, and show their history',
    load: async (context) => (await import('./scheduler/job-commands.ts')).jobCommand(context),
  },
  {
    name: 'demo',
    summary: 'play the whole story on this machine: maintenance over a fleet under load, and no failed request',
    load: async (context) => (await import('./demo/command.ts')).demoCommand(context),
  },
];

async function main(): Promise<number> {
  const environment = systemEnvironment();
  const terminal = systemTerminal(environment);
  const context: CommandContext = { environment, terminal, cliFile: realpathSync(fileURLToPath(import.meta.url)) };
  try {
    const program = new Command('forewarn')
      .description('Turns the notice that Azure gives its virtual machines before maintenance into safety.')
      .version(packageVersion(path.dirname(context.cliFile)))
      .exitOverride();
    const wanted = PARTS.find((part) => part.name === process.argv[2]);
    if (wanted === undefined) {
      for (const part of PARTS) program.command(part.name).summary(part.summary).description(part.summary);
      program.addHelpText('after', '\nEvery command explains itself: forewarn COMMAND --help');
    } else {
      program.addCommand((await wanted.load(context)).summary(wanted.summary));
      inheritExitOverride(program);
      refuseUnknownVerbs(program);
    }
    await program.parseAsync(process.argv);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    if (error instanceof UserError) {
      terminal.printError(`forewarn: ${error.message}`);
      if (error.hint !== undefined) terminal.printError(`try: ${error.hint}`);
      return error.exitStatus;
    }
    // Anything else is a bug of ours: the trace is for whoever mends it.
    terminal.printError(`forewarn: internal error: ${describeError(error)}`);
    if (error instanceof Error && error.stack !== undefined) terminal.printError(error.stack);
    return EXIT_FAILURE;
  }
}

/** Commander ends the process by itself wherever it was not told otherwise, subcommands included. */
function inheritExitOverride(command: Command): void {
  command.exitOverride().showSuggestionAfterError().showHelpAfterError(`(run it with --help for examples)`);
  for (const child of command.commands) inheritExitOverride(child);
}

/** A command that serves by itself and has verbs besides would take a misspelt verb for too many arguments. */
function refuseUnknownVerbs(program: Command): void {
  for (const command of program.commands.filter((candidate) => candidate.commands.length > 0)) {
    command.allowExcessArguments().hook('preAction', (_command, action) => {
      const [verb] = action.args;
      if (action !== command || verb === undefined) return;
      const known = command.commands.map((child) => child.name()).join(', ');
      throw new UserError('UNKNOWN_COMMAND', `forewarn ${command.name()} has no command ${JSON.stringify(verb)}`, {
        hint: `it has ${known}; forewarn ${command.name()} --help tells more`,
        exitStatus: EXIT_USAGE,
      });
    });
  }
}

process.exitCode = await main();
