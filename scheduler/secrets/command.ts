import { Command } from 'commander';
import type { CommandContext } from '../../common/runtime/command.ts';

/** `forewarn scheduler rotate-key`. */
export function rotateKeyCommand(context: CommandContext): Command {
  return new Command('rotate-key')
    .description('Makes a new key for the secrets of jobs (the first one too), and seals all that are stored with it.')
    .option('-c, --config <file>', 'settings file of the scheduler, whose secrets.keyFile and store are meant')
    .option('--reseal-only', 'make no key: the first one of the file is new already')
    .option('--forget-old', 'take the other keys out of the file; backups made before do not open then')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      `
A SQLite store belongs to the scheduler that runs: stop that first. On PostgreSQL replicas go on: give each of them the file
with the new key first in it, then seal; a replica that meets a key it does not know reads its file again.

Examples:
  forewarn scheduler rotate-key --config scheduler.yaml
  forewarn scheduler rotate-key --config scheduler.yaml --forget-old
  forewarn scheduler rotate-key --config replica.yaml --reseal-only      the new key was put in by hand`,
    )
    .action(async (_options: unknown, command: Command) => {
      const { rotateKey } = await import('./rotate.ts');
      // The scheduler itself has --config too, and takes it when it stands before this word.
      await rotateKey(context, command.optsWithGlobals());
    });
}
