import type { Clock } from '../../common/runtime/clock.ts';
import type { Environment } from '../../common/runtime/environment.ts';
import type { HostCommands, HostVerb } from '../fleet/commands-schema.ts';
import type { Host, HostReport, Impact } from './host.ts';
import type { HostedVmPlan } from './hosted-vm.ts';
import { runCommand } from './run-command.ts';

export interface CommandHostOptions {
  /** Those of the fleet's VMs; asked for when the host starts. */
  readonly plans: readonly HostedVmPlan[];
  readonly commands: HostCommands;
  /** What `node` and `forewarn` mean as the first word of a command. */
  readonly resolve: (command: readonly string[]) => readonly string[];
  readonly clock: Clock;
  readonly report: (found: HostReport) => void;
}

/** The least that closing gives a command which lets a frozen VM go on: nobody else will. */
const THAW_LIMIT_MS = 3000;

/**
 * The host whose VMs are the operator's own, wherever they run: each impact is a command of the fleet file. The VMs run
 * before the emulator does and go on after it; whoever is frozen when it ends is thawed.
 */
export function createCommandHost(options: CommandHostOptions): Host {
  const { report } = options;
  const plans = new Map<string, HostedVmPlan>();
  const queues = new Map<string, Promise<unknown>>();
  const stopping = new AbortController();
  const context: RunContext = { ...options, planOf: (vm) => plans.get(vm), stopping: stopping.signal };

  /** What is done to one VM is done one after another. */
  const enqueue = async (vm: string, work: () => Promise<void>): Promise<void> => {
    const before = queues.get(vm);
    const done = (async () => {
      await before;
      if (!stopping.signal.aborted) await work();
    })();
    queues.set(
      vm,
      done.catch(() => {}),
    );
    await done;
  };

  return {
    start: async () => {
      for (const plan of options.plans) plans.set(plan.name, plan);
    },
    add: async (plan) => {
      plans.set(plan.name, plan);
      await enqueue(plan.name, async () => {
        const isRun = await run('start', plan.name, context);
        report({ kind: 'vm.booted', vm: plan.name, eventId: undefined, detail: detailOf('start', isRun) });
      });
    },
    remove: async (vm) => {
      await enqueue(vm, async () => {
        const isRun = await run('terminate', vm, context);
        report({ kind: 'vm.gone', vm, eventId: undefined, detail: detailOf('terminate', isRun) });
      });
      plans.delete(vm);
    },
    stop: async (vm) => {
      await enqueue(vm, async () => {
        const isRun = await run('terminate', vm, context);
        report({ kind: 'vm.gone', vm, eventId: undefined, detail: detailOf('terminate', isRun) });
      });
    },
    impact: async (impact) => {
      await enqueue(impact.vm, async () => {
        await hit(impact, context);
      });
    },
    close: async () => {
      stopping.abort();
      await Promise.all(queues.values());
    },
  };
}

interface RunContext extends CommandHostOptions {
  readonly planOf: (vm: string) => HostedVmPlan | undefined;
  readonly stopping: AbortSignal;
}

async function hit(impact: Impact, context: RunContext): Promise<void> {
  const { clock, commands, report, stopping } = context;
  const { vm, eventId, durationMs } = impact;
  switch (impact.type) {
    case 'Freeze': {
      if (durationMs === 0) return;
      // Thawed in any case: a command that fails half-way may have stopped the VM all the same.
      try {
        const isRun = await run('freeze', vm, context, impact);
        report({ kind: 'vm.frozen', vm, eventId, detail: detailOf('freeze', isRun) });
        await clock.sleep(durationMs, stopping);
      } finally {
        const isRun = await run('thaw', vm, context, impact);
        report({ kind: 'vm.thawed', vm, eventId, detail: detailOf('thaw', isRun) });
      }
      return;
    }
    case 'Reboot':
    case 'Redeploy': {
      const verb = impact.type === 'Reboot' ? 'reboot' : 'redeploy';
      const detail = detailOf(verb, commands[verb] !== undefined);
      report({ kind: 'vm.killed', vm, eventId, detail });
      await Promise.all([run(verb, vm, context, impact), clock.sleep(durationMs, stopping)]);
      report({ kind: 'vm.booted', vm, eventId, detail });
      return;
    }
    case 'Preempt':
    case 'Terminate':
      report({ kind: 'vm.gone', vm, eventId, detail: detailOf('terminate', commands.terminate !== undefined) });
      await run('terminate', vm, context, impact);
      return;
    default:
      impact.type satisfies never;
  }
}

/** False when the fleet file has no such command. */
async function run(verb: HostVerb, vm: string, context: RunContext, impact?: Impact): Promise<boolean> {
  const { commands, stopping } = context;
  const template = commands[verb];
  const plan = context.planOf(vm);
  if (template === undefined || plan === undefined) return false;
  const isLast = verb === 'thaw' && stopping.aborted;
  const wanted = {
    what: `${verb} of VM ${vm}`,
    command: context.resolve(template).map((part) => part.replaceAll('{vm}', vm)),
    environment: { ...plan.environment(), FOREWARN_VERB: verb, ...(impact === undefined ? {} : told(impact)) },
    workingFolder: plan.workingFolder,
    timeLimitMs: isLast ? Math.min(THAW_LIMIT_MS, commands.timeLimit) : commands.timeLimit,
  };
  // What thaws a VM is not ended with the emulator; its own limit holds.
  await runCommand(wanted, context.clock, verb === 'thaw' ? new AbortController().signal : stopping);
  return true;
}

function told(impact: Impact): Environment {
  return {
    FOREWARN_EVENT_ID: impact.eventId,
    FOREWARN_EVENT_TYPE: impact.type,
    FOREWARN_DURATION_MS: `${impact.durationMs}`,
  };
}

function detailOf(verb: HostVerb, isRun: boolean): string {
  return isRun ? `by the command for ${verb}` : `by name only: the fleet file has no command for ${verb}`;
}
