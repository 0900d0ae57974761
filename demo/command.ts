import { Command } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';

interface DemoFlags {
  readonly once?: true;
  readonly keepFolder?: true;
  readonly json?: true;
}

/** `forewarn demo`, which is also `npm start`. */
export function demoCommand(context: CommandContext): Command {
  return new Command('demo')
    .description(
      'Plays maintenance over a cloud service of five VMs under load, with real processes on this machine: a freeze, a ' +
        'reboot of two VMs at once, a redeployment, and a job rolled over all web instances. No request may fail. ' +
        'Afterwards the fleet stays up for you to try things, until Ctrl-C.',
    )
    .option('--once', 'end after the four steps: exit status 0, or 1 and the reason when anything failed')
    .option('--keep-folder', 'keep the logs, disks and stores (they are always kept after a failure)')
    .option('--json', 'with --once: print the results as JSON on standard output, the timeline on standard error')
    .addHelpText(
      'after',
      `
Examples:
  forewarn demo                            play it, then stay up with commands to try
  forewarn demo --once                     play it as a test does
  forewarn demo --once --json > demo.json  the figures of every step
  forewarn demo --once --keep-folder       look into the logs afterwards

All addresses are free ports of 127.0.0.1. Needs about 1 GB of memory; lasts less than a minute.`,
    )
    .action(async (flags: DemoFlags, command: Command) => {
      if (flags.json === true && flags.once !== true) command.error('error: --json needs --once');
      const { runDemo } = await import('./main.ts');
      process.exitCode = await runDemo({
        context,
        isOnce: flags.once === true,
        keepFolder: flags.keepFolder === true,
        isJson: flags.json === true,
      });
    });
}
