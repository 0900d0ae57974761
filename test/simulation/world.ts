import type { AgreementRecord } from '../../common/agreement/record.ts';
import { canonicalName } from '../../common/agreement/names.ts';
import type { RandomSource } from '../../common/runtime/random.ts';
import { applyCommand as applyPlatform, type PlatformCommand } from '../../emulator/platform/apply.ts';
import type { Effect } from '../../emulator/platform/effects.ts';
import { advance, nextDeadline, putEvent } from '../../emulator/platform/life.ts';
import {
  createPlatform,
  DEFAULT_PLATFORM_SETTINGS,
  eventOrUndefined,
  type EventType,
  type PlatformEvent,
  type PlatformState,
} from '../../emulator/platform/state.ts';
import { Coordinator } from './coordinator.ts';
import type { FaultKind, Faults } from './faults.ts';
import { Metadata } from './metadata.ts';
import type { Operator } from './operator.ts';
import { NOTICE_MS, SCOPE } from './run-times.ts';
import { VirtualTime } from './virtual-time.ts';

/** A machine with an agent, as the coordinator knows it. */
export interface Machine {
  /** Canonical name; two machines of the same are a fault. */
  readonly canonical: string;
  recordChanged(record: AgreementRecord): void;
}

/** What the simulated outside shows of one VM to whoever checks. */
export interface SimulatedVm extends Machine {
  readonly name: string;
  isInRotation(): boolean;
  connections(): number;
  /** Only because a balancer forgot the drain after the last look at it: nobody can know of that (R2). */
  isUndone(): boolean;
  readonly hasAgent: boolean;
  /** Once at least. */
  hasLostJournal(): boolean;
  readonly operator: Operator;
  /** Hit by the event: down, or frozen, for so long. */
  hit(type: EventType, durationMs: number): void;
}

export interface Trace {
  (who: string, what: string): void;
}

/** What is told of every step that an invariant speaks of. */
export interface Checks {
  record(before: AgreementRecord | undefined, after: AgreementRecord): void;
  post(by: string, event: PlatformEvent, isOfThisLife: boolean): void;
  changed(change: string, event: PlatformEvent): void;
  /** Somebody has lost what it had under way. */
  interrupted(): void;
}

/** The platform, the coordinator and the network of one run, with the faults that were drawn for it. */
export class World {
  readonly time = new VirtualTime();
  /** Those that events can name, by canonical name. */
  readonly vms = new Map<string, SimulatedVm>();
  /** Those that the coordinator tells of changes. */
  readonly machines: Machine[] = [];
  readonly unmanaged = new Set<string>();
  readonly random: RandomSource;
  readonly faults: Faults;
  readonly trace: Trace;
  readonly metadata: Metadata;
  readonly coordinator: Coordinator;
  readonly counters = { posts: 0, takeovers: 0, reopened: 0 };
  readonly fired = new Map<FaultKind, number>();
  /** Sent, and not yet arrived. */
  approvalsUnderWay = 0;
  /** Events that are still to appear, besides those that were announced. */
  upcoming = 0;
  /** Events that one of the VMs approved before they started. */
  readonly approvedByUs = new Set<string>();
  /** Told of every record that an intent was just written into. */
  readonly onIntent: ((record: AgreementRecord) => void)[] = [];
  /** How often the id has appeared. */
  readonly #lives = new Map<string, number>();
  readonly #checks: Checks;
  #platform: PlatformState;

  constructor(options: {
    names: readonly string[];
    random: RandomSource;
    faults: Faults;
    trace: Trace;
    checks: Checks;
  }) {
    this.random = options.random;
    this.faults = options.faults;
    this.trace = options.trace;
    this.#checks = options.checks;
    const vms = options.names.map((name, index) => ({
      name,
      scope: SCOPE,
      role: 'FrontEnd',
      vmId: `ID-${index}`,
      updateDomain: 0,
      faultDomain: 0,
      zone: '',
    }));
    const settings = { ...DEFAULT_PLATFORM_SETTINGS, freezeMs: 5000, rebootAtLeastMs: 4000, lingerAfterImpactMs: 3000 };
    this.#platform = createPlatform(vms, { [SCOPE]: 'cloud-service' }, settings);
    this.metadata = new Metadata(this);
    this.coordinator = new Coordinator(this, options.checks);
    this.command({ kind: 'enable', vm: options.names[0] ?? '' });
  }

  /** Faults happen only until they heal. */
  isFaulty(): boolean {
    return this.time.nowMs < this.faults.healsAtMs;
  }

  /** True with this probability, while faults happen at all. */
  happens(probability: number): boolean {
    return probability > 0 && this.isFaulty() && this.random.fraction() < probability;
  }

  /** As `happens`, and counted as a fault of that kind. */
  strikes(kind: FaultKind, probability: number): boolean {
    const isHit = this.happens(probability);
    if (isHit) this.count(kind);
    return isHit;
  }

  count(kind: FaultKind): void {
    this.fired.set(kind, (this.fired.get(kind) ?? 0) + 1);
  }

  between(leastMs: number, mostMs: number): number {
    return Math.round(leastMs + this.random.fraction() * (mostMs - leastMs));
  }

  event(eventId: string): PlatformEvent | undefined {
    return eventOrUndefined(this.#platform, eventId);
  }

  liveEvents(): readonly PlatformEvent[] {
    return this.#platform.scopes.get(SCOPE)?.events ?? [];
  }

  announce(eventId: string, type: EventType, resources: readonly string[]): void {
    this.#lives.set(eventId, this.lifeOf(eventId) + 1);
    this.command({ kind: 'schedule', eventId, type, resources, noticeMs: NOTICE_MS, entry: 'announced' });
  }

  /** An approval that was sent in an earlier life of the id is not about this event. */
  lifeOf(eventId: string): number {
    return this.#lives.get(eventId) ?? 0;
  }

  /** The event names one more VM from now on. The platform never says whether it does this; clients must survive it. */
  grow(eventId: string, name: string): void {
    const event = this.event(eventId);
    const isOpen = event?.life.phase === 'scheduled' || event?.life.phase === 'approved';
    if (event === undefined || !isOpen || event.resources.includes(name)) return;
    this.count('growth');
    this.trace('platform', `now also names ${name}`);
    this.#become(putEvent(this.#platform, { ...event, resources: [...event.resources, name] }, true));
  }

  intended(record: AgreementRecord): void {
    for (const listener of this.onIntent) listener(record);
  }

  /** An approval arrives at the platform, sent in that life of the event's id. */
  post(vm: { readonly name: string; readonly label: string }, eventId: string, life: number): 'accepted' | 'refused' {
    const event = this.event(eventId);
    if (event === undefined) return 'refused';
    this.counters.posts++;
    this.trace('platform', `approved by ${vm.label} (${event.life.phase})`);
    if (event.life.phase === 'scheduled') this.approvedByUs.add(event.id);
    this.#checks.post(vm.label, event, life === this.lifeOf(event.id));
    this.command({ kind: 'approve', vm: vm.name, eventIds: [eventId] });
    return 'accepted';
  }

  command(command: PlatformCommand): void {
    const step = applyPlatform(this.#platform, command, this.time.nowMs);
    this.#become(step.state);
    this.#perform(step.effects);
    this.#advance();
  }

  #become(state: PlatformState): void {
    this.#platform = state;
    const scope = state.scopes.get(SCOPE);
    if (scope !== undefined) this.metadata.note(scope);
  }

  #advance(): void {
    const step = advance(this.#platform, this.time.nowMs);
    this.#become(step.state);
    this.#perform(step.effects);
    const deadlineMs = nextDeadline(this.#platform);
    if (deadlineMs !== undefined && deadlineMs > this.time.nowMs)
      this.time.after(deadlineMs - this.time.nowMs, () => {
        const due = nextDeadline(this.#platform);
        if (due !== undefined && due <= this.time.nowMs) this.#advance();
      });
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'changed') {
        this.trace('platform', `${effect.change} ${effect.event.type} of ${effect.event.resources.join(', ')}`);
        this.#checks.changed(effect.change, effect.event);
      } else {
        for (const name of effect.vms) this.vms.get(canonicalName(name))?.hit(effect.type, effect.durationMs);
        this.time.after(Math.max(effect.durationMs, 1), () => {
          this.command({ kind: 'impact-done', eventId: effect.eventId });
        });
      }
    }
  }
}
