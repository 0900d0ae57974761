import { Command } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';

const SERVER_OPTION = [
  '--scheduler <url>',
  'address of the scheduler (or FOREWARN_SCHEDULER; default http://127.0.0.1:7080)',
] as const;

const SCOPE_OPTION = ['--scope <scope>', 'where the event is, when several scopes have one with this id'] as const;

/** `forewarn events`. */
export function eventsCommand(context: CommandContext): Command {
  return new Command('events')
    .description(
      'Shows the events that VMs agree on: the phase, who leads, how much notice is left, and why nothing happens yet.',
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
  forewarn events show 4CAEA225-A741-474D-A72E-428C86FCD853
  forewarn events --watch
  forewarn events --all --json | jq '.value[] | {eventId, phase, noticeLeftSeconds, why}'

The VMs tell the scheduler also of an event that names one of them only; that VM approves it by itself.`,
    )
    .action(async (options: { watch?: true; all?: true; json?: true; scheduler?: string }) => {
      if (options.watch) {
        const { watchFleet } = await import('./operator-views.ts');
        await watchFleet(context, options);
      } else {
        const { listEvents } = await import('./event-views.ts');
        await listEvents(context, options);
      }
    })
    .addCommand(showCommand(context))
    .addCommand(approveCommand(context));
}

function showCommand(context: CommandContext): Command {
  return new Command('show')
    .description('Shows one event: who leads since when, what each VM has promised, what is awaited.')
    .argument('<id>', 'EventId, in any case')
    .option(...SCOPE_OPTION)
    .option(...SERVER_OPTION)
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  forewarn events show 4CAEA225-A741-474D-A72E-428C86FCD853\n  forewarn events show 4caea225-a741-474d-a72e-428c86fcd853 --json | jq -r .why',
    )
    .action(async (id: string, _options: unknown, command: Command) => {
      const { showEvent } = await import('./event-views.ts');
      await showEvent(context, id, command.optsWithGlobals());
    });
}

function approveCommand(context: CommandContext): Command {
  return new Command('approve')
    .description('Lets an event go ahead although not every VM has promised. For an operator who knows better.')
    .argument('<id>', 'EventId, in any case')
    .requiredOption('--force', 'yes, also for the VMs that have promised nothing')
    .requiredOption('--reason <text>', 'why; kept in the record of the event, and told to whoever watches')
    .option('--by <name>', 'who says so, where the scheduler wants no token (default: the user who runs this)')
    .option(...SCOPE_OPTION)
    .option(...SERVER_OPTION)
    .option('--json', 'as JSON: the event as it is then')
    .addHelpText(
      'after',
      `
Examples:
  forewarn events approve 4CAEA225-A741-474D-A72E-428C86FCD853 --force --reason "BackEnd_IN_1 is gone for good"

Nothing is approved by the scheduler: one of the VMs that the event names, also one that still drains, reads the event once
more, records its intent and approves. VMs that are in service are then hit in service. It holds for the event as it is now: when
it comes to name other VMs it must be forced again. Refused for an event that is approved or over, and for one that a VM was
granted to stay in service for.`,
    )
    .action(async (id: string, _options: unknown, command: Command) => {
      const { forceEvent } = await import('./event-views.ts');
      await forceEvent(context, id, command.optsWithGlobals());
    });
}
