/**
 * What the platform knows: VMs, the scopes that see events together, and every event with its life.
 *
 *               POST by any VM of the scope          other tenants approved
 *   scheduled ─────────────────────────▶ approved ──────────────────────────┐
 *     │  │                                  │                               ▼
 *     │  └────────── NotBefore passes ──────┼─────────────────────────▶ started ──▶ impact ──▶ lingering ──▶ (gone)
 *     └──────── cancelled ◀─────────────────┘                               ▲        host does it    left the document
 *   hardware failure, automatic approval: straight in ──────────────────────┘
 *
 * The VM sees only two of these words: Scheduled (scheduled, approved) and Started (started, impact, lingering).
 * Source: Azure docs, Scheduled Events, "Event properties" and "Start an event".
 */

export const EVENT_TYPES = ['Freeze', 'Reboot', 'Redeploy', 'Preempt', 'Terminate'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export const EVENT_SOURCES = ['Platform', 'User'] as const;
export type EventSource = (typeof EVENT_SOURCES)[number];

/** Who sees an event together, and may approve it. Azure docs, Scheduled Events, "Scope". */
export type ScopeKind = 'cloud-service' | 'availability-set' | 'scale-set' | 'stand-alone';

export interface Vm {
  /** Resource name, as events carry it: `FrontEnd_IN_0`, `db1`, `pool_3`. Unique in the fleet, in any case of letters. */
  readonly name: string;
  readonly scope: string;
  /** Role of a cloud service; empty elsewhere. */
  readonly role: string;
  /** Upper-case GUID. */
  readonly vmId: string;
  readonly updateDomain: number;
  readonly faultDomain: number;
  /** Availability zone, `1` to `3`, or empty. */
  readonly zone: string;
  /** The scale set of a VM that is a scope by itself; left out where the scope is the scale set. */
  readonly scaleSet?: string;
}

/** Everything that Azure decides and documents loosely or not at all, as figures that can be chosen. Milliseconds. */
export interface PlatformSettings {
  /** Least time between an event's appearance and NotBefore. */
  readonly noticeMs: Readonly<Record<EventType, number>>;
  /** How long the other tenants of the host take to approve, after this scope has. */
  readonly startAfterApprovalMs: number;
  /** From Started to the impact. */
  readonly impactAfterStartMs: number;
  /** A Freeze whose duration is unknown (-1) lasts this long. */
  readonly freezeMs: number;
  /** A rebooted or redeployed VM is down for at least this long. */
  readonly rebootAtLeastMs: number;
  /** The event stays in the document, Started, for this long after its impact. */
  readonly lingerAfterImpactMs: number;
  /** A scope that has not asked for events for this long gets none any more. */
  readonly disableAfterMs: number;
  readonly rules: PlatformRules;
}

/** Where Azure's documents have changed over the years, or leave the choice to the customer. */
export interface PlatformRules {
  /**
   * One event may name VMs of several update domains. Azure promised until 2020 that it never does; a customer saw one that
   * did, and the sentence is gone from the documents.
   */
  readonly allowsSeveralUpdateDomains: boolean;
  /**
   * How many operations that users asked for may be on their way at once, in the whole fleet; undefined = any number. The
   * preview of 2017 allowed ten.
   */
  readonly maxUserOperations: number | undefined;
  /**
   * Scopes whose user events are approved by policy: Reboot and Redeploy appear Started (Azure REST, `scheduledEventsPolicy`,
   * `userInitiatedReboot` and `userInitiatedRedeploy`).
   */
  readonly autoApprovingScopes: ReadonlySet<string>;
}

export const DEFAULT_PLATFORM_RULES: PlatformRules = {
  allowsSeveralUpdateDomains: false,
  maxUserOperations: undefined,
  autoApprovingScopes: new Set(),
};

/**
 * Notice as Azure documents it (Scheduled Events, "Event scheduling"; Terminate is the shortest a user can choose). The
 * rest is a choice: Azure's own figures after the start (impact within 7 s, event gone after 10 min) would make every
 * experiment wait, and neither is promised.
 */
export const DEFAULT_PLATFORM_SETTINGS: PlatformSettings = {
  noticeMs: { Freeze: 900_000, Reboot: 900_000, Redeploy: 600_000, Preempt: 30_000, Terminate: 300_000 },
  startAfterApprovalMs: 0,
  impactAfterStartMs: 0,
  freezeMs: 5000,
  rebootAtLeastMs: 5000,
  lingerAfterImpactMs: 10_000,
  // Azure docs, Scheduled Events, "Enabling and disabling Scheduled Events".
  disableAfterMs: 24 * 3_600_000,
  rules: DEFAULT_PLATFORM_RULES,
};

interface HasStarted {
  readonly startedAtMs: number;
}

/** Where an event is in its life. */
export type EventLife =
  | { readonly phase: 'scheduled' }
  | { readonly phase: 'approved'; readonly startsAtMs: number }
  | ({ readonly phase: 'started'; readonly impactAtMs: number } & HasStarted)
  | ({ readonly phase: 'impact'; readonly impactStartedAtMs: number } & HasStarted)
  | ({
      readonly phase: 'lingering';
      readonly impactStartedAtMs: number;
      readonly impactEndedAtMs: number;
      readonly goneAtMs: number;
    } & HasStarted);

export interface Approval {
  /** Resource name of the VM that sent the approval; `user` when it came from outside of them. */
  readonly by: string;
  readonly atMs: number;
}

export interface PlatformEvent {
  /** Upper-case GUID; the same for the whole life of the event. */
  readonly id: string;
  readonly type: EventType;
  readonly scope: string;
  readonly resources: readonly string[];
  /** Zones of these VMs, in a scale set that has zones. */
  readonly zones?: readonly string[] | undefined;
  readonly description: string;
  readonly source: EventSource;
  /** Seconds; 0 = no interruption, -1 = unknown or not applicable. */
  readonly durationSeconds: number;
  readonly scheduledAtMs: number;
  /** The event does not start by itself before this. Undefined for one that was never announced (straight to started). */
  readonly notBeforeMs: number | undefined;
  /** What its VMs are after a Preempt or Terminate; left out: deallocated after the one, deleted after the other. */
  readonly leaves?: GoneAs | undefined;
  /** The first approval of each VM that sent one; the first of all is the one that counted. */
  readonly approvals: readonly Approval[];
  readonly life: EventLife;
}

/** An event that has left the document. */
export interface FinishedEvent {
  readonly event: PlatformEvent;
  readonly outcome: 'completed' | 'cancelled';
  readonly goneAtMs: number;
}

export interface ScopeState {
  readonly name: string;
  readonly kind: ScopeKind;
  /** Events appear to a scope only once it has asked for them. */
  readonly isEnabled: boolean;
  /** When one of its VMs last asked for events, epoch milliseconds, to within `askedWorthNoting`; undefined before the first. */
  readonly lastAskedMs?: number | undefined;
  /**
   * Of a scale set with zones: when a VM of each zone last asked. Events of a zone that has not are in no document; left out,
   * as they are by every other scope.
   */
  readonly zones?: Readonly<Record<string, number>> | undefined;
  /** Increases by one with every change of the document; 1 in the first document of a scope. */
  readonly incarnation: number;
  /** In the order of their appearance. */
  readonly events: readonly PlatformEvent[];
}

/**
 * Why a VM does not run. `stopped`: its user stopped it, and its host keeps a place for it. `deallocated`: it has lost that
 * place, and with it its temporary disk. `deleted`: it does not come back.
 */
export const GONE_AS = ['stopped', 'deallocated', 'deleted'] as const;
export type GoneAs = (typeof GONE_AS)[number];

export interface PlatformState {
  readonly settings: PlatformSettings;
  /** By lower-case name. */
  readonly vms: ReadonlyMap<string, Vm>;
  /** VMs that do not run, by lower-case name: preempted, terminated, or stopped by their user. */
  readonly goneVms: ReadonlyMap<string, GoneAs>;
  readonly scopes: ReadonlyMap<string, ScopeState>;
  /** The newest `FINISHED_KEPT`, oldest first. */
  readonly finished: readonly FinishedEvent[];
}

/** Enough to look back on a day of experiments; the operator's view of events carries them all. */
export const FINISHED_KEPT = 100;

/** A platform without events. Scopes are those that the VMs name; `kinds` says what each is. */
export function createPlatform(
  vms: readonly Vm[],
  kinds: Readonly<Record<string, ScopeKind>>,
  settings: PlatformSettings,
): PlatformState {
  const scopes = new Map<string, ScopeState>();
  for (const vm of vms) {
    const kind = kinds[vm.scope] ?? 'stand-alone';
    scopes.set(vm.scope, { name: vm.scope, kind, isEnabled: false, incarnation: 1, events: [] });
  }
  return {
    settings,
    vms: new Map(vms.map((vm) => [vm.name.toLowerCase(), vm])),
    goneVms: new Map(),
    scopes,
    finished: [],
  };
}

/** The scale set that a VM is in; undefined when it is in none. */
export function scaleSetOf(state: Pick<PlatformState, 'scopes'>, vm: Vm): string | undefined {
  return vm.scaleSet ?? (state.scopes.get(vm.scope)?.kind === 'scale-set' ? vm.scope : undefined);
}

/** The VM of that name, in any case of letters. */
export function vmOrUndefined(state: PlatformState, name: string): Vm | undefined {
  return state.vms.get(name.toLowerCase());
}

/** The live event of that id, in any case of letters. */
export function eventOrUndefined(state: PlatformState, eventId: string): PlatformEvent | undefined {
  const wanted = eventId.toUpperCase();
  for (const scope of state.scopes.values()) {
    const found = scope.events.find((event) => event.id === wanted);
    if (found !== undefined) return found;
  }
  return undefined;
}
