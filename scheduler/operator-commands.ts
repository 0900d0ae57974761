import { Command } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';

const SERVER_OPTION = [
  '--scheduler <url>',
  'address of the scheduler (or FOREWARN_SCHEDULER; default http://127.0.0.1:7080)',
] as const;

interface Options {
  readonly scheduler?: string;
  readonly json?: true;
  readonly watch?: true;
  readonly all?: true;
}

/** `forewarn events`. */
export function eventsCommand(context: CommandContext): Command {
  return new Command('events')
    .description(
      'Shows the events that VMs agree on: the phase, who leads, what each VM has promised, what is awaited.',
    )
    .option(...SERVER_OPTION)
    .option('--all', 'also the events that are over')
    .option('--watch', 'go on: one line for everything that happens in the fleet, until Ctrl-C')
    .option('--json', 'as JSON; with --watch one object a line')
    .addHelpText(
      'after',
      `
Examples:
  forewarn events
  forewarn events --watch
  forewarn events --all --json | jq '.value[] | {eventId, phase, awaited}'

An event that names one VM only needs no agreement, and shows only with --watch.`,
    )
    .action(async (options: Options) => {
      const { showEvents, watchFleet } = await import('./operator-views.ts');
      await (options.watch ? watchFleet(context, options) : showEvents(context, options));
    });
}

/** `forewarn vms`. */
export function vmsCommand(context: CommandContext): Command {
  return new Command('vms')
    .description('Shows the VMs whose agents have spoken to the scheduler, and how they are.')
    .option(...SERVER_OPTION)
    .option('--json', 'as JSON, with the inventory')
    .addHelpText(
      'after',
      `
Examples:
  forewarn vms
  forewarn vms --scheduler http://127.0.0.1:7080
  forewarn vms --json | jq -r '.value[] | select(.inRotation | not) | .name'`,
    )
    .action(async (options: Options) => {
      const { showVms } = await import('./operator-views.ts');
      await showVms(context, options);
    });
}
