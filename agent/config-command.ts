import { Command } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';

/** `forewarn agent config`. */
export function configCommand(context: CommandContext): Command {
  return new Command('config')
    .description('Writes out commented settings, checks a settings file, or shows what it comes to.')
    .argument('[file]', 'settings file whose values are shown, in milliseconds and with absolute paths')
    .option('--defaults', 'print safe settings for a web server, with comments')
    .option('--check <file>', 'report every problem of a settings file, and what will not work as expected')
    .option('--json', 'with --check: print the warnings as JSON')
    .addHelpText(
      'after',
      `
Examples:
  forewarn agent config --defaults > agent.yaml
  forewarn agent config --check agent.yaml
  forewarn agent config --check agent.yaml --json
  forewarn agent config agent.yaml`,
    )
    .action(
      async (
        file: string | undefined,
        options: { defaults?: boolean; check?: string; json?: boolean },
        command: Command,
      ) => {
        const config = await import('./config/config.ts');
        if (options.defaults === true) config.printDefaults(context);
        else if (options.check !== undefined) await config.checkConfig(context, options.check, options.json === true);
        else if (file !== undefined) await config.printConfig(context, file);
        else command.error('expected --defaults, --check FILE or a settings file; see --help', { exitCode: 2 });
      },
    );
}
