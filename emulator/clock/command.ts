import type { Command } from 'commander';
import type { CommandContext } from '../../common/runtime/command.ts';
import { clientCommand, type CommonOptions } from '../client/options.ts';

/** `forewarn emulator clock` */
export function clockCommand(context: CommandContext): Command {
  return clientCommand('clock')
    .summary('show what time it is in the emulator, or move a stepped clock')
    .description(
      'Shows what time it is in the emulator. With "advance 15m" it moves the clock of an emulator that was started with --clock stepped.',
    )
    .argument('[verb]', 'advance')
    .argument('[duration]', 'by how much, like 15m')
    .addHelpText('after', CLOCK_HELP)
    .action(async (verb: string | undefined, by: string | undefined, options: CommonOptions) => {
      const { showClock } = await import('../client/clock.ts');
      await showClock(context, { verb, by }, options);
    });
}

const CLOCK_HELP = `
Examples:
  forewarn emulator clock
  forewarn emulator clock advance 15m

Only a client in the emulator's own process can share a stepped clock (startEmulator of forewarn/emulator). A client in
another process goes on in real time while the notice jumps, so its test would prove nothing: for it, shorten the notices
instead ("notice" in the fleet file, --notice of the verbs). Stepping by command is for looking at documents by hand.`;
