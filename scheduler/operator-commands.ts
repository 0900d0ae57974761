import { Command } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';

const SERVER_OPTION = [
  '--scheduler <url>',
  'address of the scheduler (or FOREWARN_SCHEDULER; default http://127.0.0.1:7080)',
] as const;

interface Options {
  readonly scheduler?: string;
  readonly json?: true;
}

/** `forewarn vms`. */
export function vmsCommand(context: CommandContext): Command {
  return showVmsCommand(context)
    .addCommand(enrolCommand(context))
    .addCommand(keysCommand(context))
    .addCommand(revokeCommand(context));
}

function enrolCommand(context: CommandContext): Command {
  return new Command('enrol')
    .description('Makes a one-time token with which the agent of one VM joins the fleet, and prints it.')
    .requiredOption('--scope <scope>', 'the cloud service, availability set or scale set that the VM is of')
    .option('--name <name>', 'the VM; without it any VM of the scope that is not enrolled yet')
    .option('--valid <duration>', 'how long it may be used, up to 1h', '1h')
    .option(...SERVER_OPTION)
    .option('--json', 'as JSON, with the time at which it expires')
    .addHelpText(
      'after',
      `
Examples:
  forewarn vms enrol --scope shop > token && scp token web1:/etc/forewarn/enrolment-token
  forewarn vms enrol --scope shop --name FrontEnd_IN_0 --valid 10m

The agent shows it once (scheduler.enrolmentTokenFile in its settings), and proves itself with a key of its own from then on.
A token with --name may also take the place of a VM that is enrolled already, as after its disk was lost.`,
    )
    .action(async (_options: unknown, command: Command) => {
      const { issueToken } = await import('./enrolment-commands.ts');
      await issueToken(context, command.optsWithGlobals());
    });
}

function keysCommand(context: CommandContext): Command {
  return new Command('keys')
    .description('Shows which VMs are enrolled: when, since when by which key, and whose key was revoked.')
    .option(...SERVER_OPTION)
    .option('--json', 'as JSON, with the public keys')
    .addHelpText('after', "\nExamples:\n  forewarn vms keys\n  forewarn vms keys --json | jq -r '.value[].name'")
    .action(async (_options: unknown, command: Command) => {
      const { showKeys } = await import('./enrolment-commands.ts');
      await showKeys(context, command.optsWithGlobals());
    });
}

function revokeCommand(context: CommandContext): Command {
  return new Command('revoke')
    .description('Revokes the key of a VM: its agent is cut off at once, and can only come back with a new token.')
    .argument('<scope>', 'of the VM')
    .argument('<name>', 'of the VM')
    .option(...SERVER_OPTION)
    .addHelpText('after', '\nExamples:\n  forewarn vms revoke shop FrontEnd_IN_0')
    .action(async (scope: string, name: string, _options: unknown, command: Command) => {
      const { revokeKey } = await import('./enrolment-commands.ts');
      await revokeKey(context, { scope, name }, command.optsWithGlobals());
    });
}

function showVmsCommand(context: CommandContext): Command {
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
