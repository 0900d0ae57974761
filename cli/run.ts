import path from 'node:path';
import { Command, CommanderError } from 'commander';
import { systemEnvironment } from '../common/runtime/environment.ts';
import { describeError, EXIT_FAILURE, EXIT_USAGE, UserError } from '../common/runtime/errors.ts';
import { PARTS } from './parts.ts';
import type { CommandContext } from '../common/runtime/command.ts';
import { systemTerminal } from '../common/runtime/terminal.ts';
import { packageVersion } from '../common/runtime/version.ts';

/** The `forewarn` command: `cliFile` is the file that was started. Resolves with the exit status. */
export async function run(cliFile: string): Promise<number> {
  const environment = systemEnvironment();
  const terminal = systemTerminal(environment);
  const context: CommandContext = { environment, terminal, cliFile };
  try {
    const program = new Command('forewarn')
      // An option belongs to the command that it follows: several have one of the same name as their parent.
      .enablePositionalOptions()
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
