import { type Command, Option } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';
import { clientCommand } from './client/options.ts';
import type { MaintainOptions } from './client/maintenance.ts';

/** `forewarn emulator maintain` */
export function maintainCommand(context: CommandContext): Command {
  return clientCommand('maintain')
    .summary('announce maintenance of one domain after another through a role or scope')
    .description(
      'Announces maintenance of the hosts of a role or scope: one domain after another, the next only when the events of ' +
        'the last are gone. Without a target, shows the maintenance there is.',
    )
    .argument('[target]', 'a role of the cloud service, or a scope')
    .addOption(
      new Option('--by <domains>', 'what is done one after another')
        .choices(['update-domain', 'fault-domain'])
        .default('update-domain'),
    )
    .addOption(new Option('--type <type>', 'what happens to the VMs').choices(['Freeze', 'Reboot']).default('Freeze'))
    .option('--notice <duration>', 'time until NotBefore of each event, instead of the least notice of its type')
    .option('--duration <duration>', 'how long each VM will be interrupted, whole seconds')
    .option('--cancel <id>', 'take back what has not started of a maintenance, and begin no further domain')
    .addHelpText(
      'after',
      `
Examples:
  forewarn emulator maintain FrontEnd                       freeze update domain 0, then 1, then 2
  forewarn emulator maintain shop --by fault-domain --type Reboot --notice 1m
  forewarn emulator maintain                                how far it has come
  forewarn emulator maintain --cancel m1`,
    )
    .action(async (target: string | undefined, options: MaintainOptions) => {
      const { maintain } = await import('./client/maintenance.ts');
      await maintain(context, target, options);
    });
}
