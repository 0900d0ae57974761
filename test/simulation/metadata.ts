import type { EventDocument } from '../../agent/core/event-document.ts';
import { parseDocument } from '../../agent/metadata/document.ts';
import { canonicalName } from '../../common/agreement/names.ts';
import { documentOf } from '../../emulator/platform/document.ts';
import type { ScopeState } from '../../emulator/platform/state.ts';
import type { World } from './world.ts';

/** Long enough for every VM to read a document that is not empty, also one that stands still or cannot read for a while. */
const APART_MS = 35_000;

/** How old the documents are that a VM behind the others is shown. */
const BEHIND_MS = 20_000;

/** What the VMs read: the platform's document, or what a service with a fault makes of it. */
export class Metadata {
  readonly #world: World;
  /** A document is the same for everybody, and parsed once. */
  readonly #documents = new WeakMap<ScopeState, EventDocument>();
  readonly #changed = new WeakMap<EventDocument, EventDocument>();
  #past: { readonly atMs: number; readonly scope: ScopeState }[] = [];
  #emptyUntilMs = Number.NEGATIVE_INFINITY;
  #empty: EventDocument | undefined;
  #restarted: { readonly at: number; readonly hiddenUntilMs: number } | undefined;
  /** By VM name; `*` is all of them. */
  readonly #unreadableUntilMs = new Map<string, number>();
  readonly #behindUntilMs = new Map<string, number>();

  /** Highest incarnation that each VM was shown, and those whose last one was lower. */
  readonly #highest = new Map<string, number>();
  readonly #wentBack = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  /** The platform's state is another one from now on. */
  note(scope: ScopeState): void {
    if (this.#past.at(-1)?.scope !== scope) this.#past.push({ atMs: this.#world.time.nowMs, scope });
  }

  /** What a VM reads now: a document, or undefined for a failure. An empty one may be a fault of the service. */
  read(vmName: string): EventDocument | undefined {
    const { time } = this.#world;
    const isFaulty = this.#world.isFaulty();
    if (isFaulty && time.nowMs < Math.max(this.#until(vmName), this.#until('*'))) return undefined;
    if (this.#world.happens(this.#world.faults.metadataErrors)) {
      this.#world.count('metadata error');
      return undefined;
    }
    const document = this.#restart(this.#parsed(this.#scopeFor(vmName)));
    const highest = this.#highest.get(vmName) ?? 0;
    if (document.incarnation < highest) this.#wentBack.add(vmName);
    else {
      this.#highest.set(vmName, document.incarnation);
      this.#wentBack.delete(vmName);
    }
    if (!isFaulty || time.nowMs >= this.#emptyUntilMs) return document;
    if (this.#empty?.incarnation !== document.incarnation)
      this.#empty = { incarnation: document.incarnation, events: [] };
    return this.#empty;
  }

  /** One spell at a time, with some documents in between: an absence of 10 s is what ends an event (rule 5). */
  emptyFor(ms: number): void {
    if (this.#world.time.nowMs < this.#emptyUntilMs + APART_MS) return;
    this.#emptyUntilMs = this.#world.time.nowMs + ms;
    this.#world.count('empty documents');
    this.#world.trace('platform', `documents are empty for ${ms} ms`);
  }

  /** The metadata service fails for one VM, or for `*`. */
  failFor(ms: number, vmName: string): void {
    this.#unreadableUntilMs.set(vmName, this.#world.time.nowMs + ms);
    this.#world.count('metadata outage');
    this.#world.trace('platform', `answers ${vmName} with errors for ${ms} ms`);
  }

  /** Incarnations from 1 on, and no events for a while: as after a disabling. */
  restart(hiddenMs: number): void {
    const scope = this.#past.at(-1)?.scope;
    if (scope === undefined || this.#restarted !== undefined) return;
    this.#restarted = { at: scope.incarnation, hiddenUntilMs: this.#world.time.nowMs + hiddenMs };
    this.#world.count('documents begin again');
    this.#world.trace('platform', `incarnations begin again, without events for ${hiddenMs} ms`);
  }

  hasLaggedBehind(canonical: string): boolean {
    return [...this.#behindUntilMs.keys()].some((name) => canonicalName(name) === canonical);
  }

  /** Was the document that this VM read last older than one that it had read before? */
  wentBack(vmName: string): boolean {
    return this.#wentBack.has(vmName);
  }

  lagBehind(vmName: string, ms: number): void {
    this.#behindUntilMs.set(vmName, this.#world.time.nowMs + ms);
    this.#world.count('metadata behind');
    this.#world.trace('platform', `tells ${vmName} of ${BEHIND_MS} ms ago, for ${ms} ms`);
  }

  #until(vmName: string): number {
    return this.#unreadableUntilMs.get(vmName) ?? 0;
  }

  #scopeFor(vmName: string): ScopeState {
    const { time } = this.#world;
    const isBehind = this.#world.isFaulty() && time.nowMs < (this.#behindUntilMs.get(vmName) ?? 0);
    const seenAtMs = time.nowMs - (isBehind ? BEHIND_MS : 0);
    const found = this.#past.findLast(({ atMs }) => atMs <= seenAtMs) ?? this.#past[0];
    if (found === undefined) throw new Error('the fleet has lost its scope');
    return found.scope;
  }

  #parsed(scope: ScopeState): EventDocument {
    const known = this.#documents.get(scope);
    if (known !== undefined) return known;
    // Through the text, so that writer and reader are held to each other as they are on the wire.
    const parsed = parseDocument(JSON.stringify(documentOf(scope)));
    if (parsed.kind !== 'document') throw new Error(parsed.reason);
    this.#documents.set(scope, parsed.document);
    return parsed.document;
  }

  #restart(document: EventDocument): EventDocument {
    if (this.#restarted === undefined) return document;
    const { at, hiddenUntilMs } = this.#restarted;
    const isHidden = this.#world.time.nowMs < hiddenUntilMs;
    const incarnation = isHidden ? 1 : Math.max(2, document.incarnation - at + 2);
    const known = this.#changed.get(document);
    if (known?.incarnation === incarnation) return known;
    const changed = { incarnation, events: isHidden ? [] : document.events };
    this.#changed.set(document, changed);
    return changed;
  }
}
