import type { Clock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import { HostedVm, type HostedVmPlan } from './hosted-vm.ts';
import { boundConsole, emptyDisks, emptyTemp, openVmFolder, type VmFolder } from './vm-folder.ts';
import type { Host, HostReport, Impact } from './host.ts';

export interface ProcessHostOptions {
  readonly plans: readonly HostedVmPlan[];
  /** Parent of the VMs' folders. */
  readonly folder: string;
  readonly clock: Clock;
  readonly nodeFile: string;
  readonly log: Log;
  readonly report: (found: HostReport) => void;
}

interface Slot {
  readonly plan: HostedVmPlan;
  readonly folder: VmFolder;
  readonly vm: HostedVm;
  isGone: boolean;
  /** Impacts wait for each other here. */
  queue: Promise<void>;
}

/** What a VM is doing when the emulator closes may take so long to end by itself. */
const CLOSE_PATIENCE_MS = 1000;
/** How often consoles are looked at; between two looks a program that writes 100 MB/s adds a gigabyte, which is its doing. */
const CONSOLE_CHECK_MS = 10_000;
/** A VM whose init was killed from outside comes up again after this. */
const CRASH_RESTART_MS = 1000;

/** The host whose VMs are trees of processes on this machine. */
export function createProcessHost(options: ProcessHostOptions): Host {
  const slots = new Map<string, Slot>();
  const stopping = new AbortController();
  const { clock, report } = options;

  const boot = async (slot: Slot, eventId: string | undefined): Promise<void> => {
    if (stopping.signal.aborted || slot.isGone) return;
    const boots = await slot.vm.boot();
    report({ kind: 'vm.booted', vm: slot.plan.name, eventId, detail: `boot ${boots}, init is process ${slot.vm.pid}` });
  };

  const restartCrashed = async (slot: Slot): Promise<void> => {
    if (stopping.signal.aborted || slot.vm.pid !== undefined) return;
    report({ kind: 'vm.killed', vm: slot.plan.name, eventId: undefined, detail: 'its init was ended from outside' });
    await slot.vm.kill();
    await clock.sleep(CRASH_RESTART_MS, stopping.signal);
    await boot(slot, undefined);
  };

  const prepare = async (plan: HostedVmPlan): Promise<Slot> => {
    const folder = await openVmFolder(options.folder, plan.name);
    const vm = new HostedVm({
      plan,
      folder,
      clock,
      nodeFile: options.nodeFile,
      onCrash: () => {
        enqueue(slot, async () => {
          await restartCrashed(slot);
        }).catch((error: unknown) => {
          options.log.error({ vm: plan.name, error: describeError(error) }, 'a VM could not be started again');
        });
      },
    });
    const slot: Slot = { plan, folder, vm, isGone: false, queue: Promise.resolve() };
    slots.set(plan.name, slot);
    return slot;
  };

  /** Ends a VM without an event; its slot takes no impact any more. */
  const end = async (vm: string, detail: string, empty?: (folder: VmFolder) => Promise<void>): Promise<void> => {
    const slot = slots.get(vm);
    if (slot === undefined) return;
    await enqueue(slot, async () => {
      slot.isGone = true;
      await slot.vm.kill();
      await empty?.(slot.folder);
    });
    report({ kind: 'vm.gone', vm, eventId: undefined, detail });
  };

  const startVm = async (plan: HostedVmPlan): Promise<void> => {
    const slot = await prepare(plan);
    const leftovers = await slot.vm.endLeftovers();
    if (leftovers > 0) options.log.warn({ vm: plan.name, processes: leftovers }, 'ended what an earlier run left');
    await enqueue(slot, async () => {
      await boot(slot, undefined);
    });
  };

  return {
    start: async () => {
      await Promise.all(options.plans.map(startVm));
      watchConsoles(slots, options, stopping.signal);
    },
    add: startVm,
    remove: async (vm) => {
      await end(vm, 'removed, and its disks with it', emptyDisks);
      slots.delete(vm);
    },
    stop: async (vm, isTempLost) => {
      await end(vm, 'stopped by its user; its disk stays', isTempLost ? emptyTemp : undefined);
    },
    impact: async (impact) => {
      const slot = slots.get(impact.vm);
      if (slot === undefined) return;
      await enqueue(slot, async () => {
        if (stopping.signal.aborted || slot.isGone) return;
        await hit(slot, impact, { clock, report, boot, stopping: stopping.signal });
      });
    },
    close: async () => {
      stopping.abort();
      await Promise.all([...slots.values()].map(async (slot) => await endSlot(slot, clock)));
    },
  };
}

/** What is done to one VM is done one after another. */
async function enqueue(slot: Slot, work: () => Promise<void>): Promise<void> {
  const done = slot.queue.then(work);
  slot.queue = done.catch(() => {});
  await done;
}

async function endSlot(slot: Slot, clock: Clock): Promise<void> {
  const waiting = new AbortController();
  await Promise.race([slot.queue, clock.sleep(CLOSE_PATIENCE_MS, waiting.signal)]);
  waiting.abort();
  // A boot in progress ends with its processes; whatever it had not yet started is ended by the second kill.
  await slot.vm.kill();
  await slot.queue;
  await slot.vm.kill();
}

interface HitContext {
  readonly clock: Clock;
  readonly stopping: AbortSignal;
  readonly report: (found: HostReport) => void;
  boot(slot: Slot, eventId: string): Promise<void>;
}

async function hit(slot: Slot, impact: Impact, context: HitContext): Promise<void> {
  const { clock, stopping, report } = context;
  const { eventId, durationMs } = impact;
  const vm = slot.plan.name;
  switch (impact.type) {
    case 'Freeze': {
      if (durationMs === 0) return;
      const startedMs = clock.monotonic();
      await slot.vm.freeze();
      report({ kind: 'vm.frozen', vm, eventId, detail: `for ${durationMs} ms` });
      await clock.sleep(durationMs, stopping);
      slot.vm.thaw();
      report({ kind: 'vm.thawed', vm, eventId, detail: `after ${Math.round(clock.monotonic() - startedMs)} ms` });
      return;
    }
    case 'Reboot':
    case 'Redeploy': {
      await slot.vm.kill();
      const isRedeploy = impact.type === 'Redeploy';
      report({ kind: 'vm.killed', vm, eventId, detail: isRedeploy ? 'its temporary folder is lost' : 'power off' });
      if (isRedeploy) await emptyTemp(slot.folder);
      await clock.sleep(durationMs, stopping);
      await context.boot(slot, eventId);
      return;
    }
    case 'Preempt':
    case 'Terminate':
      slot.isGone = true;
      await slot.vm.kill();
      report({ kind: 'vm.gone', vm, eventId, detail: 'it does not come back' });
      return;
    default:
      impact.type satisfies never;
  }
}

function watchConsoles(slots: ReadonlyMap<string, Slot>, options: ProcessHostOptions, stopping: AbortSignal): void {
  const check = (): void => {
    if (stopping.aborted) return;
    Promise.all([...slots.values()].map(async (slot) => await boundConsole(slot.folder)))
      .catch((error: unknown) => {
        options.log.warn({ error: describeError(error) }, 'a console could not be shortened');
      })
      .finally(() => options.clock.after(CONSOLE_CHECK_MS, check));
  };
  options.clock.after(CONSOLE_CHECK_MS, check);
}
