import type { Command } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';
import { clientCommand, type CommonOptions } from './client/options.ts';

/** `forewarn emulator approve`, `operate`: what VMs and their users do, for whoever plays them. */
export function userCommands(context: CommandContext): readonly Command[] {
  return [approveCommand(context), operateCommand(context)];
}

function approveCommand(context: CommandContext): Command {
  return clientCommand('approve')
    .summary('approve an event as one of its VMs would')
    .description('Approves an event as a VM would by its own metadata service: any VM of the scope may.')
    .argument('<event>', 'EventId, or the beginning of it')
    .requiredOption('--by <vm>', 'the VM that approves, in any case of letters')
    .addHelpText('after', '\nExample:\n  forewarn emulator approve 4CAEA225 --by FrontEnd_IN_0')
    .action(async (id: string, options: CommonOptions & { by: string }) => {
      const { approveEvent } = await import('./client/user.ts');
      await approveEvent(context, id, options);
    });
}

function operateCommand(context: CommandContext): Command {
  return clientCommand('operate')
    .summary('do to a VM what its user does through portal or compute API')
    .description(
      'Does to a VM what its user does through portal, command line or compute API. It becomes the event that Azure makes ' +
        'of it: Reboot of restart; Redeploy of redeploy, reimage and performMaintenance; Preempt of simulateEviction; ' +
        'Terminate of deallocate and delete in a scale set. start and powerOff, and elsewhere deallocate and delete, are done ' +
        'at once, without an event.',
    )
    .argument(
      '<verb>',
      'restart, redeploy, reimage, performMaintenance, simulateEviction, start, powerOff, deallocate or delete',
    )
    .argument('<vm>', 'resource name, in any case of letters')
    .addHelpText(
      'after',
      '\nExamples:\n  forewarn emulator operate restart FrontEnd_IN_0\n  forewarn emulator operate simulateEviction spot_1 --json',
    )
    .action(async (verb: string, vm: string, options: CommonOptions) => {
      const { operate } = await import('./client/user.ts');
      await operate(context, { verb, vm }, options);
    });
}
