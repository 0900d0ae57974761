/**
 * What a scenario is made of. A step is either done at once (a verb), or passes time (`wait`), or waits for something to be so
 * (`expect`), or sees to it that something stays not so (`never`). One step follows the other; `withinMs` and `forMs` count from
 * the end of the step before.
 */
export interface Scenario {
  readonly name: string;
  readonly description: string;
  readonly clock: 'real' | 'stepped';
  readonly steps: readonly Step[];
}

export type Step =
  | ({ readonly kind: 'schedule' } & ScenarioEvent)
  | { readonly kind: 'cancel' | 'start' | 'complete'; readonly event: string }
  /** The VM approves the event, as its own client would. */
  | { readonly kind: 'approve'; readonly event: string; readonly by: string }
  | { readonly kind: 'fault'; readonly fault: ScenarioFault }
  /** Of one VM, or (undefined) all there are. */
  | { readonly kind: 'clear-faults'; readonly vm: string | undefined }
  | { readonly kind: 'wait'; readonly ms: number }
  /** What the VM's user does by portal or compute API; the event that it becomes is called `as`. */
  | { readonly kind: 'operate'; readonly as: string | undefined; readonly verb: UserVerb; readonly vm: string }
  | ({ readonly kind: 'maintain' } & ScenarioMaintenance)
  /** Takes back what has not started of it. */
  | { readonly kind: 'cancel-maintenance'; readonly maintenance: string }
  | { readonly kind: 'scale'; readonly role: string; readonly instances: number; readonly slot: Slot }
  /** A new deployment in the staging slot. `file`: absolute; `text`: what is in it. */
  | { readonly kind: 'upload'; readonly file: string; readonly text: string }
  | { readonly kind: 'swap' }
  /** From now on requests are sent to `url` (`public`: the fleet's public address) to the end, and none may fail. */
  | { readonly kind: 'load'; readonly url: string; readonly everyMs: number }
  | { readonly kind: 'expect'; readonly that: Condition; readonly withinMs: number }
  | { readonly kind: 'never'; readonly that: Condition; readonly forMs: number };

/** An event under a name that later steps know it by. */
export interface ScenarioEvent {
  readonly as: string;
  readonly type: 'Freeze' | 'Reboot' | 'Redeploy' | 'Preempt' | 'Terminate';
  readonly vms: readonly string[];
  readonly noticeMs: number | undefined;
  readonly durationSeconds: number | undefined;
  readonly description: string | undefined;
  readonly source: 'Platform' | 'User' | undefined;
  readonly entry: 'announced' | 'approved-by-policy' | 'failure';
}

export interface ScenarioFault {
  readonly kind: string;
  readonly vm: string | undefined;
  readonly forMs: number | undefined;
  readonly latencyMs: number | undefined;
  readonly byMs: number | undefined;
}

/** What a VM's user may do to it (Azure's compute API). */
export type UserVerb =
  | 'restart'
  | 'redeploy'
  | 'reimage'
  | 'performMaintenance'
  | 'simulateEviction'
  | 'start'
  | 'powerOff'
  | 'deallocate'
  | 'delete';

/** The slots of a cloud service. */
export type Slot = 'production' | 'staging';

/** Maintenance of one domain after another, under a name that later steps know it by. */
export interface ScenarioMaintenance {
  readonly as: string;
  readonly target: string;
  readonly by: 'update-domain' | 'fault-domain';
  readonly type: 'Freeze' | 'Reboot';
  readonly noticeMs: number | undefined;
  readonly durationSeconds: number | undefined;
}

/** What of an event, of a maintenance, or of a VM, may be expected. */
export const EVENT_CONDITIONS = ['approved', 'started', 'gone', 'cancelled', 'outBeforeStarted'] as const;
export const MAINTENANCE_CONDITIONS = ['maintained'] as const;
export const VM_CONDITIONS = ['out', 'in'] as const;

/** `outBeforeStarted`: every VM that the event names had left rotation when it started. */
export interface EventCondition {
  readonly kind: (typeof EVENT_CONDITIONS)[number];
  readonly event: string;
}
/** Out of rotation, or in it. */
export interface VmCondition {
  readonly kind: (typeof VM_CONDITIONS)[number];
  readonly vm: string;
}
/** Every domain of it has been done. */
export interface MaintenanceCondition {
  readonly kind: (typeof MAINTENANCE_CONDITIONS)[number];
  readonly maintenance: string;
}
export type Condition = EventCondition | MaintenanceCondition | VmCondition;

/** A step in words. */
export function describeStep(step: Step): string {
  switch (step.kind) {
    case 'schedule': {
      const how = step.entry === 'announced' ? '' : step.entry === 'failure' ? ', without notice' : ', at once';
      return `${step.as}: ${step.type} of ${step.vms.join(', ')}${how}`;
    }
    case 'cancel':
    case 'start':
    case 'complete':
      return `${step.kind} ${step.event}`;
    case 'approve':
      return `${step.by} approves ${step.event}`;
    case 'fault':
      return `fault ${step.fault.kind} at ${step.fault.vm ?? 'every VM'}`;
    case 'clear-faults':
      return `no fault at ${step.vm ?? 'any VM'} any more`;
    case 'operate':
      return `${step.verb} of ${step.vm}${step.as === undefined ? '' : ` (${step.as})`}`;
    case 'maintain':
      return `${step.as}: ${step.type} of ${step.target}, one ${step.by} after another`;
    case 'cancel-maintenance':
      return `cancel what has not started of ${step.maintenance}`;
    case 'scale':
      return `${step.instances} instances of ${step.role}${step.slot === 'staging' ? ' in the staging slot' : ''}`;
    case 'upload':
      return `upload ${step.file} into the staging slot`;
    case 'swap':
      return 'swap the slots';
    case 'wait':
      return `${seconds(step.ms)} pass`;
    case 'load':
      return `requests to ${step.url === 'public' ? 'the public address' : step.url}, one every ${step.everyMs} ms`;
    case 'expect':
      return `${describeCondition(step.that)}${step.withinMs === 0 ? '' : ` within ${seconds(step.withinMs)}`}`;
    case 'never':
      return `for ${seconds(step.forMs)} not: ${describeCondition(step.that)}`;
    default:
      return step satisfies never;
  }
}

function describeCondition(that: Condition): string {
  switch (that.kind) {
    case 'approved':
    case 'started':
    case 'cancelled':
    case 'gone':
      return `${that.event} ${that.kind}`;
    case 'outBeforeStarted':
      return `every VM of ${that.event} out of rotation before it started`;
    case 'maintained':
      return `every domain of ${that.maintenance} done`;
    case 'out':
      return `${that.vm} out of rotation`;
    case 'in':
      return `${that.vm} in rotation`;
    default:
      return that satisfies never;
  }
}

/** `0.5 s`, `20 s`, `14 min 59 s`, `96 h`. */
export function seconds(ms: number): string {
  if (ms < 60_000) return `${Number((ms / 1000).toFixed(1))} s`;
  const whole = Math.round(ms / 1000);
  const parts = [
    { amount: Math.floor(whole / 3600), unit: 'h' },
    { amount: Math.floor((whole % 3600) / 60), unit: 'min' },
    { amount: whole % 60, unit: 's' },
  ];
  return parts.flatMap(({ amount, unit }) => (amount === 0 ? [] : [`${amount} ${unit}`])).join(' ');
}
