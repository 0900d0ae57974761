import type { Vm } from './state.ts';

/** By which domains a maintenance goes through VMs: one after another, never two at a time. */
export const MAINTENANCE_DOMAINS = ['update-domain', 'fault-domain'] as const;
export type MaintenanceDomains = (typeof MAINTENANCE_DOMAINS)[number];

/** What routine maintenance of hosts does to a VM. */
export const MAINTENANCE_TYPES = ['Freeze', 'Reboot'] as const;
export type MaintenanceType = (typeof MAINTENANCE_TYPES)[number];

/** One domain of a maintenance. */
export interface MaintenanceStep {
  readonly domain: number;
  /** Names of the VMs in it: a group an event, because one event names VMs of one scope and one update domain. */
  readonly groups: readonly (readonly string[])[];
  /** Its events that are still in the document. */
  readonly openEvents: readonly string[];
  readonly state: 'waiting' | 'under-way' | 'over';
}

export interface MaintenancePlan {
  readonly steps: readonly MaintenanceStep[];
  readonly isCancelled: boolean;
}

/**
 * The domains of these VMs, lowest first. Azure docs, Scheduled Events: routine maintenance does not hit several fault
 * domains at the same time, but may go from one to the next shortly after; Cloud Services, "update domains": one after
 * another.
 */
export function planMaintenance(vms: readonly Vm[], by: MaintenanceDomains): MaintenancePlan {
  const domains = new Map<number, Map<string, string[]>>();
  for (const vm of vms) {
    const domain = by === 'update-domain' ? vm.updateDomain : vm.faultDomain;
    const groups = domains.get(domain) ?? new Map<string, string[]>();
    const key = `${vm.scope}/${vm.updateDomain}`;
    groups.set(key, [...(groups.get(key) ?? []), vm.name]);
    domains.set(domain, groups);
  }
  const steps = [...domains]
    .sort(([one], [other]) => one - other)
    .map(([domain, groups]) => ({ domain, groups: [...groups.values()], openEvents: [], state: 'waiting' as const }));
  return { steps, isCancelled: false };
}

/** The step whose turn it is: none while one is under way, and none after the last or once cancelled. */
export function nextStep(plan: MaintenancePlan): MaintenanceStep | undefined {
  if (plan.isCancelled || plan.steps.some((step) => step.state === 'under-way')) return undefined;
  return plan.steps.find((step) => step.state === 'waiting');
}

/** The events of a domain are in the document. None at all (its VMs are gone): the domain is over at once. */
export function beginStep(plan: MaintenancePlan, domain: number, eventIds: readonly string[]): MaintenancePlan {
  return changeStep(plan, domain, {
    openEvents: eventIds,
    state: eventIds.length === 0 ? 'over' : 'under-way',
  });
}

/** An event has left the document, completed or cancelled. */
export function eventGone(plan: MaintenancePlan, eventId: string): MaintenancePlan {
  const step = plan.steps.find((candidate) => candidate.openEvents.includes(eventId));
  if (step === undefined) return plan;
  const openEvents = step.openEvents.filter((other) => other !== eventId);
  return changeStep(plan, step.domain, { openEvents, state: openEvents.length === 0 ? 'over' : 'under-way' });
}

/** `under-way` until its last event has gone, also when it was cancelled: what has started goes on to its end. */
export function stateOf(plan: MaintenancePlan): 'under-way' | 'completed' | 'cancelled' {
  if (plan.steps.some((step) => step.state === 'under-way')) return 'under-way';
  if (plan.isCancelled) return 'cancelled';
  return plan.steps.every((step) => step.state === 'over') ? 'completed' : 'under-way';
}

function changeStep(
  plan: MaintenancePlan,
  domain: number,
  change: Pick<MaintenanceStep, 'openEvents' | 'state'>,
): MaintenancePlan {
  return { ...plan, steps: plan.steps.map((step) => (step.domain === domain ? { ...step, ...change } : step)) };
}
