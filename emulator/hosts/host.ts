import type { EventType } from '../platform/state.ts';
import type { HostedVmPlan } from './hosted-vm.ts';

/** One VM hit by one event. */
export interface Impact {
  readonly eventId: string;
  readonly type: EventType;
  readonly vm: string;
  /** Frozen for so long, or down for at least so long; milliseconds, 0 = no interruption. */
  readonly durationMs: number;
}

/**
 * How the impact of an event becomes real. Adapters: `none` (only time passes: the VMs are whoever connects), `process`
 * (a VM is a tree of processes that the emulator runs) and `command` (the operator's own VMs, hit by the operator's commands).
 */
export interface Host {
  /** Starts every VM. Resolves when their commands have been started; whether they work is for the probe to say. */
  start(): Promise<void>;
  /** Starts one more VM, or one that had ended. Rejects when it does not come up. */
  add(plan: HostedVmPlan): Promise<void>;
  /** Ends a VM that is no longer there, and empties its disks. An impact that is under way is waited for. */
  remove(vm: string): Promise<void>;
  /** Ends a VM that its user stopped; its disk stays, and `add` starts it again. Its temporary disk may be lost. */
  stop(vm: string, isTempLost: boolean): Promise<void>;
  /**
   * Hits a VM. Resolves when it runs again, or is gone for good. Impacts of the same VM happen one after another; those of
   * different VMs at the same time. Rejects only when the VM could not be brought back.
   */
  impact(impact: Impact): Promise<void>;
  /** Ends every VM and leaves no process behind. Open impacts are given up. */
  close(): Promise<void>;
}

/** What a host tells while it works. */
export interface HostReport {
  readonly kind: 'vm.booted' | 'vm.frozen' | 'vm.thawed' | 'vm.killed' | 'vm.gone';
  readonly vm: string;
  readonly eventId: string | undefined;
  readonly detail: string;
}
