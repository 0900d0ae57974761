import { applyCommand as applyAgreement } from '../../common/agreement/apply-command.ts';
import type { AgreementCommand, Outcome } from '../../common/agreement/command.ts';
import type { AgreementRecord } from '../../common/agreement/record.ts';
import { canonicalEventId, canonicalName } from '../../common/agreement/names.ts';
import type { RandomSource } from '../../common/runtime/random.ts';
import type { EventDocument } from '../../agent/core/event-document.ts';
import { parseDocument } from '../../agent/metadata/document.ts';
import { applyCommand as applyPlatform, type PlatformCommand } from '../../emulator/platform/apply.ts';
import { documentOf } from '../../emulator/platform/document.ts';
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
import type { Faults } from './faults.ts';
import type { Operator } from './operator.ts';
import { VirtualTime } from './virtual-time.ts';

export const SCOPE = 'shop';
export const NOTICE_MS = 120_000;

/** What the simulated outside shows of one VM to whoever checks. */
export interface SimulatedVm {
  readonly name: string;
  isInRotation(): boolean;
  connections(): number;
  readonly operator: Operator;
  /** Hit by the event: down, or frozen, for so long. */
  hit(type: EventType, durationMs: number): void;
  /** Names in the newest document it read for an approval, with the event's status; for the checks. */
  recordChanged(record: AgreementRecord): void;
}

/** Long enough for every VM to read a document that is not empty. */
const APART_MS = 3000;

export interface Trace {
  (who: string, what: string): void;
}

/** The platform, the coordinator and the network of one run, with the faults that were drawn for it. */
export class World {
  readonly time = new VirtualTime();
  readonly vms = new Map<string, SimulatedVm>();
  readonly random: RandomSource;
  readonly faults: Faults;
  readonly trace: Trace;
  readonly counters = { posts: 0, takeovers: 0, reopened: 0, grown: 0, forced: 0 };
  /** Sent, and not yet arrived. */
  approvalsUnderWay = 0;
  /** Events that one of the VMs approved before they started. */
  readonly approvedByUs = new Set<string>();
  readonly #records = new Map<string, AgreementRecord>();
  readonly #checks: Checks;
  #platform: PlatformState;
  #coordinatorDownUntilMs = 0;
  #emptyUntilMs = 0;
  /** By VM name; `*` is all of them. */
  readonly #unreadableUntilMs = new Map<string, number>();
  /** A document is the same for everybody, and parsed once. */
  #cached: { readonly state: unknown; readonly document: EventDocument } | undefined;
  #empty: EventDocument | undefined;

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
  }

  /** Faults happen only until they heal. */
  isFaulty(): boolean {
    return this.time.nowMs < this.faults.healsAtMs;
  }

  /** True with this probability, while faults happen at all. */
  happens(probability: number): boolean {
    return this.isFaulty() && probability > 0 && this.random.fraction() < probability;
  }

  between(leastMs: number, mostMs: number): number {
    return Math.round(leastMs + this.random.fraction() * (mostMs - leastMs));
  }

  /** What a VM reads now: a document, or undefined for a failure. An empty one may be a fault of the service. */
  read(vmName: string): EventDocument | undefined {
    const unreadableUntilMs = Math.max(this.#unreadableUntilMs.get(vmName) ?? 0, this.#unreadableUntilMs.get('*') ?? 0);
    if (this.isFaulty() && this.time.nowMs < unreadableUntilMs) return undefined;
    if (this.happens(this.faults.metadataErrors)) return undefined;
    const scope = this.#platform.scopes.get(SCOPE);
    if (scope?.isEnabled === false) this.command({ kind: 'enable', vm: vmName });
    const document = this.#document();
    if (!this.isFaulty() || this.time.nowMs >= this.#emptyUntilMs) return document;
    if (this.#empty?.incarnation !== document.incarnation)
      this.#empty = { incarnation: document.incarnation, events: [] };
    return this.#empty;
  }

  #document(): EventDocument {
    const scope = this.#platform.scopes.get(SCOPE);
    if (scope === undefined) throw new Error('the fleet has lost its scope');
    if (this.#cached?.state !== scope) {
      // Through the text, so that writer and reader are held to each other as they are on the wire.
      const parsed = parseDocument(JSON.stringify(documentOf(scope)));
      if (parsed.kind !== 'document') throw new Error(parsed.reason);
      this.#cached = { state: scope, document: parsed.document };
    }
    return this.#cached.document;
  }

  event(eventId: string): PlatformEvent | undefined {
    return eventOrUndefined(this.#platform, eventId);
  }

  liveEvents(): readonly PlatformEvent[] {
    return this.#platform.scopes.get(SCOPE)?.events ?? [];
  }

  /** The event names one more VM from now on. The platform never says whether it does this; clients must survive it. */
  grow(eventId: string, name: string): void {
    const event = this.event(eventId);
    const isOpen = event?.life.phase === 'scheduled' || event?.life.phase === 'approved';
    if (event === undefined || !isOpen || event.resources.includes(name)) return;
    this.counters.grown++;
    this.trace('platform', `now also names ${name}`);
    this.#platform = putEvent(this.#platform, { ...event, resources: [...event.resources, name] }, true);
  }

  /** One spell at a time, with some documents in between: an absence of 10 s is what ends an event (rule 5). */
  emptyDocumentsFor(ms: number): void {
    if (this.time.nowMs < this.#emptyUntilMs + APART_MS) return;
    this.#emptyUntilMs = this.time.nowMs + ms;
    this.trace('platform', `documents are empty for ${ms} ms`);
  }

  /** The metadata service fails for one VM, or for `*`. */
  failMetadataFor(ms: number, vmName: string): void {
    this.#unreadableUntilMs.set(vmName, this.time.nowMs + ms);
    this.trace('platform', `answers ${vmName} with errors for ${ms} ms`);
  }

  stopCoordinatorFor(ms: number): void {
    this.#coordinatorDownUntilMs = this.time.nowMs + ms;
    this.trace('coordinator', `down for ${ms} ms`);
  }

  isCoordinatorUp(): boolean {
    return !this.faults.coordinatorDead && !(this.isFaulty() && this.time.nowMs < this.#coordinatorDownUntilMs);
  }

  /** Applies a command of a VM to the record of its event. */
  submit(command: AgreementCommand): { outcome: Outcome; record: AgreementRecord | undefined } {
    const key = canonicalEventId(command.eventId);
    const before = this.#records.get(key);
    const { record, outcome } = applyAgreement(before, command, { now: this.time.nowMs, unmanaged: new Set() });
    if (record !== undefined && record !== before) {
      this.#checks.record(before, record);
      if (before?.phase === 'intent' && record.phase === 'intent' && before.intent?.by !== record.intent?.by)
        this.counters.takeovers++;
      if (command.kind === 'reopen') this.counters.reopened++;
      this.#records.set(key, record);
      for (const [name, vm] of this.vms)
        if (record.resources.includes(name) || record.members[name] !== undefined) vm.recordChanged(record);
    }
    return { outcome, record };
  }

  /** An operator lets the event go ahead as it stands. */
  force(eventId: string): void {
    if (!this.isCoordinatorUp()) return;
    const operator = { by: 'operator', reason: 'knows better' };
    const { outcome } = this.submit({ kind: 'force', scope: SCOPE, eventId, ...operator });
    if (outcome.kind === 'accepted') this.counters.forced++;
    this.trace('operator', `forces the event: ${outcome.kind}`);
  }

  recordsOf(name: string): readonly AgreementRecord[] {
    const own = canonicalName(name);
    return [...this.#records.values()].filter(
      (record) => record.resources.includes(own) || record.members[own] !== undefined,
    );
  }

  /** An approval arrives at the platform. */
  post(vmName: string, eventId: string): 'accepted' | 'refused' {
    const event = this.event(eventId);
    if (event === undefined) return 'refused';
    this.counters.posts++;
    this.trace('platform', `approved by ${vmName} (${event.life.phase})`);
    if (event.life.phase === 'scheduled') this.approvedByUs.add(event.id);
    this.#checks.post(vmName, event);
    this.command({ kind: 'approve', vm: vmName, eventIds: [eventId] });
    return 'accepted';
  }

  command(command: PlatformCommand): void {
    const step = applyPlatform(this.#platform, command, this.time.nowMs);
    this.#platform = step.state;
    this.#perform(step.effects);
    this.#advance();
  }

  #advance(): void {
    const step = advance(this.#platform, this.time.nowMs);
    this.#platform = step.state;
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

/** What is told of every step that an invariant speaks of. */
export interface Checks {
  record(before: AgreementRecord | undefined, after: AgreementRecord): void;
  post(by: string, event: PlatformEvent): void;
  changed(change: string, event: PlatformEvent): void;
}
