import { type Command, Option } from 'commander';
import type { CommandContext } from '../../common/runtime/command.ts';
import { clientCommand, type CommonOptions } from '../client/options.ts';

/** Options of `forewarn emulator run`. */
export interface RunOptions extends CommonOptions {
  readonly fleet?: string;
  readonly junit?: string;
  readonly clock?: 'real' | 'stepped';
  readonly standIns?: boolean;
}

/** `forewarn emulator run` */
export function runCommand(context: CommandContext): Command {
  return clientCommand('run')
    .summary('play scenarios against your fleet, and say whether it did what was expected')
    .description(
      'Plays scenario files one after another, each with an emulator of its own, or with --control against one that runs. Exit status 0: everything was as expected; 1: not; 2: a file is wrong.',
    )
    .argument('<scenario...>', 'YAML files')
    .option('--fleet <file>', "fleet file with your own VMs, instead of the scenario's fleet")
    .option('--junit <file>', 'also write the outcome as JUnit XML')
    .addOption(
      new Option('--clock <kind>', "instead of the scenario's; VMs in other processes need the real one").choices([
        'real',
        'stepped',
      ]),
    )
    .option('--stand-ins', 'with --fleet: nobody runs the VMs; the emulator plays them')
    .addHelpText('after', RUN_HELP)
    .action(async (files: string[], options: RunOptions) => {
      const { runScenarios } = await import('./run-command.ts');
      process.exitCode = await runScenarios(context, files, options);
    });
}

const RUN_HELP = `
Examples:
  forewarn emulator run examples/scenarios/user-reboot.yaml
  forewarn emulator run examples/scenarios/*.yaml --junit report.xml
  forewarn emulator run --fleet my-fleet.yaml --clock real my-scenario.yaml
  forewarn emulator run --control http://127.0.0.1:7070 my-scenario.yaml    an emulator that runs, with its own fleet and VMs

A scenario:
  name: A reboot
  clock: real                       # or stepped: as fast as it can, for VMs that nobody runs
  fleet: fleet.yaml                 # or its content; absent: one VM, vm0
  standIns: { approveAfter: 2s }    # the emulator plays the VMs; leave it out for your own
  steps:
    - expect: { in: FrontEnd_IN_0, within: 30s }        # in rotation: the public address gives it connections
    - load: { url: public, every: 100ms }               # to the end; no request may fail
    - schedule: { as: reboot, type: Reboot, vms: [FrontEnd_IN_0], notice: 1m }
    - expect: { approved: reboot, within: 20s }         # counted from the end of the step before
    - expect: { started: reboot, within: 5s }
    - expect: { outBeforeStarted: reboot }
    - expect: { gone: reboot, within: 1m }
    - expect: { in: FrontEnd_IN_0, within: 30s }

Verbs: schedule {as, type, vms, notice, durationSeconds, description, source, entry: announced|approved-by-policy|failure},
cancel NAME, start NAME, complete NAME, approve {event, by}, operate {as, verb, vm} (restart, redeploy, reimage, performMaintenance,
simulateEviction, start, powerOff, deallocate, delete), maintain {as, target, by: update-domain|fault-domain, type: Freeze|Reboot, notice,
durationSeconds}, cancelMaintenance NAME, scale {role, instances, slot}, upload FILE, swap staging, fault {kind, vm, for, latency, by},
noFault VM|all, wait 5s, advance 15m (stepped), load {url, every}.
Expectations: approved, started, gone, cancelled, outBeforeStarted NAME; maintained NAME; in, out VM; each with within.
"never: {started: NAME, for: 10s}" fails when it happens. VMs behind no public address: gates: {VM: URL}, 200 = in.
With --control the scenario's fleet and standIns do not count, and what it sets (faults, events) stays.`;
