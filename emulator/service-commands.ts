import { type Command, Option } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';
import { clientCommand, type CommonOptions } from './client/options.ts';

/** `forewarn emulator service`, `scale`, `upload`, `swap`: the cloud service while it runs. */
export function serviceCommands(context: CommandContext): readonly Command[] {
  return [serviceCommand(context), scaleCommand(context), uploadCommand(context), swapCommand(context)];
}

function serviceCommand(context: CommandContext): Command {
  return clientCommand('service')
    .summary('show the slots of the cloud service, their roles and instances')
    .description(
      'Shows the slots of the cloud service: the deployment in each, its roles, and how many instances are healthy.',
    )
    .addHelpText('after', '\nExamples:\n  forewarn emulator service\n  forewarn emulator service --json')
    .action(async (options: CommonOptions) => {
      const { showService } = await import('./client/service.ts');
      await showService(context, options);
    });
}

function scaleCommand(context: CommandContext): Command {
  return clientCommand('scale')
    .summary('give a role of the cloud service more instances, or fewer')
    .description(
      'Gives a role more instances, or fewer. New ones are in rotation once their probes answer; of the others the highest ' +
        'numbers go: they get no new connections, and end when theirs have ended, after 5 s at the latest.',
    )
    .argument('<role>', 'name of the role, in any case of letters')
    .argument('<instances>', 'how many there are to be, from 1')
    .addOption(new Option('--slot <slot>', 'whose deployment').choices(['production', 'staging']).default('production'))
    .addHelpText(
      'after',
      '\nExamples:\n  forewarn emulator scale FrontEnd 5\n  forewarn emulator scale FrontEnd 2 --slot staging',
    )
    .action(async (role: string, instances: string, options: CommonOptions & { slot?: string }) => {
      const { scale } = await import('./client/service.ts');
      await scale(context, { role, instances }, options);
    });
}

function uploadCommand(context: CommandContext): Command {
  return clientCommand('upload')
    .summary('start a new deployment of the cloud service in the staging slot')
    .description(
      'Starts a deployment in the staging slot, in the place of whatever is there. The file holds "roles" as in ' +
        'cloudService of a fleet file; its commands run in its folder. The deployment is a scope of its own.',
    )
    .argument('<file>', 'YAML file with the roles of the new deployment')
    .addHelpText(
      'after',
      `
Examples:
  forewarn emulator upload service-2.yaml
  forewarn emulator service                  until its instances are healthy
  forewarn emulator swap                     into production

A service-2.yaml:
  roles:
    - name: FrontEnd
      kind: web
      instances: 2
      ports: [http]
      serves: http
      probe: { port: http, path: /healthz, interval: 1s }
      run: { app: [node, front-end.mjs] }`,
    )
    .action(async (file: string, options: CommonOptions) => {
      const { upload } = await import('./client/service.ts');
      await upload(context, file, options);
    });
}

function swapCommand(context: CommandContext): Command {
  return clientCommand('swap')
    .summary('exchange the production and the staging slot')
    .description(
      'Exchanges the deployments of the production and the staging slot in one step. Connections that exist go on to where ' +
        'they went. Refused while no instance of the staging slot is healthy.',
    )
    .addHelpText('after', '\nExample:\n  forewarn emulator swap')
    .action(async (options: CommonOptions) => {
      const { swap } = await import('./client/service.ts');
      await swap(context, options);
    });
}
