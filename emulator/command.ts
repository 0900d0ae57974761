import { Command, Option } from 'commander';
import type { CommandContext } from '../common/runtime/command.ts';
import { clientCommand, type CommonOptions } from './client/options.ts';
import { clockCommand } from './clock/command.ts';
import { recordCommand, replayCommand } from './record/command.ts';
import { runCommand } from './scenario/command.ts';
import { maintainCommand } from './platform-commands.ts';
import { serviceCommands } from './service-commands.ts';
import { userCommands } from './user-commands.ts';

/** `forewarn emulator`: serves a fleet, and its operator's verbs as clients of the control API. */
export function emulatorCommand(context: CommandContext): Command {
  const command = new Command('emulator')
    // So that --fleet and --clock after a verb are the verb's own.
    .enablePositionalOptions()
    .description(
      'Serves the metadata API with Scheduled Events to a fleet of VMs, and really freezes, reboots and redeploys those it hosts.',
    )
    .option('--fleet <file>', 'YAML file that describes the fleet; without it one VM, vm0, metadata on 127.0.0.1:7071')
    .addOption(
      new Option('--log-level <level>', 'least severe log line')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .addOption(
      new Option('--clock <kind>', 'real, or stepped: moves only by "clock advance" (only for VMs that nobody runs)')
        .choices(['real', 'stepped'])
        .default('real'),
    )
    .option(
      '--state <file>',
      'keep everything that was acknowledged in this file (events, scaling, faults, …), also after kill -9 (default: not kept)',
    )
    .addHelpText('after', SERVE_EXAMPLES)
    .action(async (options: ServeOptions) => {
      const { runEmulator } = await import('./main.ts');
      await runEmulator(context, options);
    });
  for (const kind of KINDS) command.addCommand(scheduleCommand(context, kind));
  for (const verb of VERBS) command.addCommand(changeCommand(context, verb));
  command.addCommand(eventsCommand(context));
  command.addCommand(fleetCommand(context));
  command.addCommand(faultCommand(context));
  command.addCommand(faultsCommand(context));
  command.addCommand(watchCommand(context));
  command.addCommand(clockCommand(context));
  command.addCommand(runCommand(context));
  command.addCommand(recordCommand(context));
  command.addCommand(replayCommand());
  command.addCommand(maintainCommand(context));
  for (const found of serviceCommands(context)) command.addCommand(found);
  for (const found of userCommands(context)) command.addCommand(found);
  return command;
}

interface ServeOptions {
  readonly fleet?: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly clock: 'real' | 'stepped';
  readonly state?: string;
}

const SERVE_EXAMPLES = `
Examples:
  forewarn emulator                                  one VM to be curious with
  curl -H Metadata:true 'http://127.0.0.1:7071/metadata/scheduledevents?api-version=2020-07-01'
  forewarn emulator freeze vm0 --notice 1m
  forewarn emulator --fleet examples/shop/fleet.yaml
  forewarn emulator reboot FrontEnd_IN_0
  forewarn emulator --fleet examples/metadata/fleet.yaml   every setting of the metadata service, with its tokens and keys

The commands find a running emulator by --control, then FOREWARN_CONTROL, then http://127.0.0.1:7070.
One that listens beyond loopback asks for a token, on TLS; the fleet file then says (the token has 16 characters or more):
  control: 0.0.0.0:7070
  controlToken: { file: control.token }    (umask 077; openssl rand -hex 32 > control.token)
  controlTls: { caFile: control-ca.pem }   certified by the emulator's own authority, whose certificate is written there;
                                           or your own { certificate: FILE, key: FILE }; or off, behind a tunnel
  controlHosts: [emulator.test]            names that it is reached by; its addresses are known
and the commands show the one and trust the other: --control https://HOST:7070 --token-file control.token
--ca control-ca.pem, or FOREWARN_CONTROL, FOREWARN_CONTROL_TOKEN_FILE and FOREWARN_CA.`;

const KINDS = [
  { name: 'freeze', type: 'Freeze', summary: 'announce that VMs will be paused', extra: ' --duration 9s' },
  { name: 'reboot', type: 'Reboot', summary: 'announce that VMs will be rebooted', extra: '' },
  {
    name: 'redeploy',
    type: 'Redeploy',
    summary: 'announce that VMs will move, and lose their temporary disk',
    extra: '',
  },
  { name: 'preempt', type: 'Preempt', summary: 'announce that Spot VMs will be evicted', extra: '' },
  { name: 'terminate', type: 'Terminate', summary: 'announce that VMs will be deleted', extra: '' },
] as const;

const VERBS = [
  { verb: 'cancel', summary: 'take an event back before it has started' },
  { verb: 'start', summary: 'start an event now, approved or not' },
  { verb: 'complete', summary: 'end an event that has started, now' },
] as const;

interface ScheduleOptions extends CommonOptions {
  readonly notice?: string;
  readonly duration?: string;
  readonly description?: string;
  readonly source?: string;
  readonly started?: boolean;
  readonly fault?: boolean;
}

function scheduleCommand(context: CommandContext, kind: (typeof KINDS)[number]): Command {
  return clientCommand(kind.name)
    .summary(kind.summary)
    .description(`${kind.type}: ${kind.summary}. One event names VMs of one scope and one update domain.`)
    .argument('<vm...>', 'resource names, in any case of letters')
    .option('--notice <duration>', `time until NotBefore, instead of the least notice of ${kind.type}`)
    .option(
      '--duration <duration>',
      'how long the VM will be interrupted, whole seconds (default: 5s for a freeze, else unknown)',
    )
    .option('--description <text>', 'text of the event, instead of the usual one')
    .addOption(new Option('--source <who>', 'who asked for it').choices(['Platform', 'User']))
    .option('--started', 'without notice: started at once, as with automatic approval')
    .option('--fault', 'without notice: started at once, because the hardware failed')
    .addHelpText(
      'after',
      `\nExamples:\n  forewarn emulator ${kind.name} FrontEnd_IN_0${kind.extra}\n  forewarn emulator ${kind.name} vm0 --notice 30s --json`,
    )
    .action(async (vms: string[], options: ScheduleOptions) => {
      const { schedule } = await import('./client/verbs.ts');
      await schedule(context, { type: kind.type, vms }, options);
    });
}

function changeCommand(context: CommandContext, { verb, summary }: (typeof VERBS)[number]): Command {
  return clientCommand(verb)
    .summary(summary)
    .description(`${summary[0]?.toUpperCase() ?? ''}${summary.slice(1)}.`)
    .argument('<event>', 'EventId, or the beginning of it')
    .addHelpText('after', `\nExample:\n  forewarn emulator ${verb} 4CAEA225`)
    .action(async (id: string, options: CommonOptions) => {
      const { changeEvent } = await import('./client/verbs.ts');
      await changeEvent(context, { verb, id }, options);
    });
}

function eventsCommand(context: CommandContext): Command {
  return clientCommand('events')
    .summary('show the events of the fleet, the newest last')
    .description('Shows the events of the fleet as the platform sees them, those that are over first.')
    .addHelpText('after', '\nExamples:\n  forewarn emulator events\n  forewarn emulator events --json')
    .action(async (options: CommonOptions) => {
      const { listEvents } = await import('./client/verbs.ts');
      await listEvents(context, options);
    });
}

function fleetCommand(context: CommandContext): Command {
  return clientCommand('fleet')
    .summary('show the VMs, their metadata addresses and ports, and who is in rotation')
    .description(
      'Shows the VMs of the fleet, their metadata addresses and ports, and who gets connections of the public address.',
    )
    .addHelpText('after', '\nExamples:\n  forewarn emulator fleet\n  forewarn emulator fleet --json')
    .action(async (options: CommonOptions) => {
      const { showFleet } = await import('./client/verbs.ts');
      await showFleet(context, options);
    });
}

function faultCommand(context: CommandContext): Command {
  return clientCommand('fault')
    .summary('make metadata services misbehave')
    .description('Makes the metadata service of one VM, or of all, misbehave; "none" ends it.')
    .argument(
      '<kind>',
      'error-404, error-410, error-429, error-500, latency, drop, truncate, wrong-type, not-json, empty-document, stale-document, behind, clock-skew, hang, stall, unreachable; or none',
    )
    .option('--vm <name>', 'only this VM')
    .option('--for <duration>', 'end it after this time')
    .option('--latency <duration>', 'with latency: how late answers come (default: 3s)')
    .option(
      '--by <duration>',
      'with behind: how old the events are; with clock-skew: how far NotBefore and Date are ahead, or behind with "-" (default: 20s)',
    )
    .addHelpText(
      'after',
      `
Examples:
  forewarn emulator fault error-500 --vm FrontEnd_IN_0 --for 10s
  forewarn emulator fault behind --vm web1 --by 20s      web1 sees each event 20 s after the others
  forewarn emulator fault stale-document --for 5m        events stay as they are now
  forewarn emulator fault empty-document --for 30s       no events, although there are
  forewarn emulator fault clock-skew --by=-1m            the service's clock is a minute slow
  forewarn emulator fault hang                           half-open: the request is taken, and nothing ever comes
  forewarn emulator fault stall                          half an answer comes, and the connection stays open
  forewarn emulator fault none

Approvals go through under empty-document, stale-document, behind and clock-skew.`,
    )
    .action(
      async (kind: string, options: CommonOptions & { vm?: string; for?: string; latency?: string; by?: string }) => {
        const { setFault } = await import('./client/verbs.ts');
        await setFault(context, kind, options);
      },
    );
}

function faultsCommand(context: CommandContext): Command {
  return clientCommand('faults')
    .summary('show the faults that are set')
    .description('Shows the faults that are set now.')
    .addHelpText('after', '\nExample:\n  forewarn emulator faults')
    .action(async (options: CommonOptions) => {
      const { listFaults } = await import('./client/verbs.ts');
      await listFaults(context, options);
    });
}

function watchCommand(context: CommandContext): Command {
  return clientCommand('watch')
    .summary('print what happens, as it happens')
    .description('Prints what happens in the fleet until it is interrupted.')
    .option('--recent', 'begin with what has happened before')
    .addHelpText('after', '\nExamples:\n  forewarn emulator watch --recent\n  forewarn emulator watch --json')
    .action(async (options: CommonOptions & { recent?: boolean }) => {
      const { watch } = await import('./client/verbs.ts');
      await watch(context, options);
    });
}
