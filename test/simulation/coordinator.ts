import { applyCommand } from '../../common/agreement/apply-command.ts';
import { takesBack, type AgreementCommand, type Outcome } from '../../common/agreement/command.ts';
import { canonicalEventId, canonicalName } from '../../common/agreement/names.ts';
import type { AgreementRecord } from '../../common/agreement/record.ts';
import { SCOPE } from './run-times.ts';
import type { Checks, World } from './world.ts';

/** What a command came to. */
export interface Answer {
  readonly outcome: Outcome;
  readonly record: AgreementRecord | undefined;
}

/** The records of one run: the product's own transitions over a store that can be away, or lose its last writes. */
export class Coordinator {
  readonly #world: World;
  readonly #checks: Checks;
  readonly #records = new Map<string, AgreementRecord>();
  /** What each write replaced, so that a fail-over can lose it. */
  readonly #undo: { readonly atMs: number; readonly key: string; readonly before: AgreementRecord | undefined }[] = [];
  #downUntilMs = 0;

  constructor(world: World, checks: Checks) {
    this.#world = world;
    this.#checks = checks;
  }

  stopFor(ms: number): void {
    this.#downUntilMs = this.#world.time.nowMs + ms;
    this.#world.count('coordinator outage');
    this.#world.trace('coordinator', `down for ${ms} ms`);
  }

  isUp(): boolean {
    const { faults, time } = this.#world;
    return !faults.coordinatorDead && !(this.#world.isFaulty() && time.nowMs < this.#downUntilMs);
  }

  /** Applies a command to the record of its event. */
  submit(command: AgreementCommand): Answer {
    const { faults, time, counters, unmanaged } = this.#world;
    if (faults.failovers > 0 && takesBack(command))
      return { record: undefined, outcome: { kind: 'refused', reason: 'withdrawal-unsafe' } };
    const key = canonicalEventId(command.eventId);
    const before = this.#records.get(key);
    const { record, outcome } = applyCommand(before, command, { now: time.nowMs, unmanaged });
    if (record !== undefined && record !== before) {
      this.#checks.record(before, record);
      if (before?.phase === 'intent' && record.phase === 'intent' && before.intent?.by !== record.intent?.by) {
        counters.takeovers++;
        this.#world.trace('coordinator', `${record.intent?.by} takes over the intent of ${before.intent?.by}`);
      }
      if (command.kind === 'reopen') counters.reopened++;
      this.#undo.push({ atMs: time.nowMs, key, before });
      this.#records.set(key, record);
      for (const vm of this.#world.machines)
        if (record.resources.includes(vm.canonical) || record.members[vm.canonical] !== undefined)
          vm.recordChanged(record);
      if (before?.phase !== 'intent' && record.phase === 'intent') this.#world.intended(record);
    }
    return { outcome, record };
  }

  /** An operator lets the event go ahead as it stands. */
  force(eventId: string): void {
    if (!this.isUp()) return;
    const { outcome } = this.submit({ kind: 'force', scope: SCOPE, eventId, by: 'operator', reason: 'knows better' });
    if (outcome.kind === 'accepted') this.#world.count('force');
    this.#world.trace('operator', `forces the event: ${outcome.kind}`);
  }

  /** The standby takes over, and has not heard of what was written in the last `ms`. */
  failOver(ms: number): void {
    this.#checks.interrupted();
    let lost = 0;
    while ((this.#undo.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) > this.#world.time.nowMs - ms) {
      const write = this.#undo.pop();
      if (write === undefined) break;
      lost++;
      if (write.before === undefined) this.#records.delete(write.key);
      else this.#records.set(write.key, write.before);
    }
    if (lost > 0) this.#world.count('failover');
    this.#world.trace('coordinator', `fails over and loses ${lost} writes`);
  }

  recordsOf(name: string): readonly AgreementRecord[] {
    const own = canonicalName(name);
    return [...this.#records.values()].filter(
      (record) => record.resources.includes(own) || record.members[own] !== undefined,
    );
  }

  record(eventId: string): AgreementRecord | undefined {
    return this.#records.get(canonicalEventId(eventId));
  }
}
