import { canonicalEventId, canonicalName, subjectHash } from '../../common/agreement/names.ts';
import { isForced, type AgreementPhase, type AgreementRecord } from '../../common/agreement/record.ts';
import type { PlatformEvent } from '../../emulator/platform/state.ts';
import type { Checks, World } from './world.ts';

/** S1 to S8 and A1 as below, L1 to L3 as in `liveness.ts`. */
export const INVARIANTS = ['S1', 'S1b', 'S2', 'S3', 'S4', 'S5', 'S6', 'S7', 'S8', 'A1', 'L1', 'L2', 'L3'] as const;
export type Invariant = (typeof INVARIANTS)[number];

/** What is counted only. */
export const RESIDUALS = ['R1', 'R2', 'R3', 'R4'] as const;
export type Residual = (typeof RESIDUALS)[number];

export interface Violation {
  readonly invariant: Invariant;
  readonly atMs: number;
  readonly detail: string;
}

const EDGES: Readonly<Record<AgreementPhase, readonly AgreementPhase[]>> = {
  preparing: ['preparing', 'intent', 'aborted', 'ended'],
  intent: ['intent', 'preparing', 'approved', 'ended'],
  approved: ['approved', 'ended'],
  aborted: ['aborted', 'ended'],
  ended: ['ended', 'preparing'],
};

/**
 * What must hold in every run.
 *
 * - S1: when an approval arrives for an event that is still Scheduled, every VM that it names is out of rotation and idle, or
 *   its operator lets it be hit in service, or (out of rotation) with connections left, or it is listed as without an agent.
 * - S1b: from then until the event is gone none of them enters rotation.
 *   Neither speaks of an approval for exactly those VMs that an operator has forced it for.
 * - S2: no more approvals are sent than there was reason for: one, and one more for each takeover, each change of its VMs, each
 *   answer that did not come or was no, each interruption of a VM.
 * - S3: an approval is sent only by a VM whose newest read showed the event Scheduled, with the VMs that agreed.
 * - S4: an intent names only VMs that have reported, or that are listed as without an agent, and nobody reports others.
 * - S5: a VM that has promised enters rotation only once the event is gone.
 * - S6: terms never decrease, an intent is of the newest, the record moves along its edges only, numbers of a VM never decrease and stay with its identity.
 * - S7: hooks, in `hook-checks.ts`.
 * - S8: an intent is never forgotten, and nobody withdraws after one.
 * - A1: of what is only counted (R1), the VM that approved tells its operator; in `scenarios/`.
 *
 * Counted, not forbidden, because no client can prevent them: R1, VMs that the event came to name after the poster's last read;
 * R2, a balancer that forgot a drain after the last look at it; R3, an approval of an
 * earlier life of the event's id, or a promise of one that nobody but the VM itself knew to be over; R4, a promise that was in the
 * journal that its VM lost and nowhere else, when the VM was then shown documents of another time.
 */
export class Invariants implements Checks {
  readonly violations: Violation[] = [];
  readonly residuals: Record<Residual, number> = { R1: 0, R2: 0, R3: 0, R4: 0 };
  /** Canonical names of the VMs that each approved event named when its approval was sent. */
  readonly #approved = new Map<string, ReadonlySet<string>>();
  readonly #promised = new Map<string, Set<string>>();
  /** What each poster had read when it sent its approval. */
  readonly #reads = new Map<string, ReadonlySet<string>>();
  /** What operators have forced: hashes of the event with the VMs that it named then. */
  readonly #forced = new Set<string>();
  /** Events whose record was marked as over. */
  readonly #ended = new Set<string>();
  /** VMs and events that they promised on when they were shown an older document than before. */
  readonly #onOldDocuments = new Set<string>();
  readonly #sent = new Map<string, number>();
  readonly #reasons = new Map<string, number>();
  #interruptions = 0;
  world: World | undefined;

  record(before: AgreementRecord | undefined, after: AgreementRecord): void {
    if (after.forced !== undefined) this.#forced.add(after.forced.hash);
    if (after.phase === 'ended') this.#ended.add(canonicalEventId(after.eventId));
    if (before === undefined) return;
    if (after.term < before.term) this.violate('S6', `term ${before.term} became ${after.term}`);
    if (!EDGES[before.phase].includes(after.phase)) this.violate('S6', `${before.phase} became ${after.phase}`);
    if (before.everIntent && !after.everIntent) this.violate('S8', 'an intent was forgotten');
    if (before.phase === 'intent' && (after.phase === 'preparing' || after.intent?.term !== before.intent?.term))
      this.allowOneMore(after.eventId);
    if (after.phase === 'intent' && before.intent !== after.intent) this.#checkIntent(after);
    for (const name of Object.keys(after.members)) this.#checkMember(before, after, name);
  }

  #checkIntent(record: AgreementRecord): void {
    const isKnown = (name: string): boolean =>
      record.members[name] !== undefined || this.world?.unmanaged.has(name) === true;
    const stranger = record.resources.find((name) => !isKnown(name));
    if (stranger !== undefined && !isForced(record)) this.violate('S4', `${stranger} was never heard of`);
    const dissent = Object.entries(record.members).find(
      ([name, entry]) =>
        entry.hash !== record.hash && (entry.promise !== 'released' || record.resources.includes(name)),
    );
    if (dissent !== undefined && !isForced(record)) this.violate('S4', `${dissent[0]} reports other VMs`);
    const isLed = record.intent?.term === record.term && record.intent.by === record.lease?.holder;
    if (!isLed) this.violate('S6', `an intent of term ${record.intent?.term} in term ${record.term}`);
  }

  #checkMember(before: AgreementRecord, after: AgreementRecord, name: string): void {
    const [old, now] = [before.members[name], after.members[name]];
    if (old === undefined || now === undefined || old === now) return;
    if (now.number < old.number) this.violate('S6', `number ${old.number} of ${name} became ${now.number}`);
    if (now.vmId !== old.vmId) this.violate('S6', `another machine wrote for ${name}`);
    if (now.promise === 'withdrawn' && old.promise !== 'withdrawn' && before.everIntent)
      this.violate('S8', `${name} withdrew after an intent`);
  }

  /** A VM is about to send an approval; `names` are those in the document it read for it, undefined if it was not Scheduled. */
  sending(by: string, eventId: string, names: readonly string[] | undefined): void {
    if (names === undefined) this.violate('S3', `${by} approves what it has not just read as Scheduled`);
    const read = new Set((names ?? []).map(canonicalName));
    this.#reads.set(`${by} ${eventId}`, read);
    const sent = (this.#sent.get(eventId) ?? 0) + 1;
    this.#sent.set(eventId, sent);
    const most = this.lifeOf(eventId) + (this.#reasons.get(eventId) ?? 0) + this.#interruptions;
    if (sent > most) this.violate('S2', `approval ${sent} of ${eventId}, where ${most} would have been enough`);
  }

  interrupted(): void {
    this.#interruptions++;
  }

  /** There is a reason to send it again: no answer, or a refusal; another leader; other VMs than before. */
  allowOneMore(eventId: string): void {
    this.#reasons.set(eventId, (this.#reasons.get(eventId) ?? 0) + 1);
  }

  promised(name: string, eventId: string): void {
    // A report that is repeated after the event has gone promises nothing any more, also when others are named under its id now.
    const event = this.world?.event(eventId);
    if (event === undefined || !event.resources.some((other) => canonicalName(other) === canonicalName(name))) return;
    const names = this.#promised.get(eventId) ?? new Set();
    this.#promised.set(eventId, names.add(canonicalName(name)));
  }

  /** A VM decides to promise. It can know of newer documents than the one it was shown last. */
  decides(name: string, eventId: string): void {
    const key = `${canonicalName(name)} ${eventId}`;
    if (this.world?.metadata.wentBack(name) === true) this.#onOldDocuments.add(key);
    else this.#onOldDocuments.delete(key);
  }

  released(name: string, eventId: string): void {
    this.#promised.get(eventId)?.delete(canonicalName(name));
  }

  lifeOf(eventId: string): number {
    return this.world?.lifeOf(eventId) ?? 0;
  }

  post(by: string, event: PlatformEvent, isOfThisLife: boolean): void {
    if (event.life.phase !== 'scheduled') return;
    if (!isOfThisLife) {
      this.residuals.R3++;
      return;
    }
    const known = this.#reads.get(`${by} ${event.id}`) ?? new Set();
    const names = event.resources.map(canonicalName);
    if (this.#forced.has(subjectHash({ eventId: event.id, eventType: event.type, resources: [...known] }))) return;
    for (const name of names) {
      const vm = this.world?.vms.get(name);
      if (vm === undefined || this.world?.unmanaged.has(name) === true) continue;
      const isIdle = vm.connections() === 0 || vm.operator.agreesOnFailure;
      if (vm.operator.consents || (!vm.isInRotation() && isIdle)) continue;
      if (!known.has(name)) this.residuals.R1++;
      else if (vm.isUndone()) this.residuals.R2++;
      else if (this.lifeOf(event.id) > 1 && !this.#ended.has(event.id)) this.residuals.R3++;
      else if (this.#isForgotten(name, event.id)) this.residuals.R4++;
      else this.violate('S1', `${by} approved while ${name} was in service`);
    }
    if (!this.#approved.has(event.id)) this.#approved.set(event.id, new Set(names.filter((name) => known.has(name))));
  }

  changed(change: string, event: PlatformEvent): void {
    if (change === 'event.gone' || change === 'event.cancelled') {
      this.#approved.delete(event.id);
      this.#promised.delete(event.id);
    }
  }

  entersRotation(resourceName: string): void {
    const name = canonicalName(resourceName);
    const vm = this.world?.vms.get(name);
    if (vm?.operator.consents === true || vm?.hasAgent === false) return;
    for (const [eventId, names] of this.#approved)
      if (names.has(name) && !this.#isPastImpact(name, eventId))
        this.#enters('S1b', name, eventId, `${name} entered rotation although ${eventId} was approved and is not over`);
    for (const [eventId, names] of this.#promised)
      if (names.has(name) && !this.#isPastImpact(name, eventId))
        this.#enters('S5', name, eventId, `${name} broke its promise for ${eventId}`);
  }

  #enters(invariant: Invariant, name: string, eventId: string, detail: string): void {
    if (this.#isForgotten(name, eventId)) this.residuals.R4++;
    else if (this.#isOfEarlierLife(name, eventId)) this.residuals.R3++;
    else this.violate(invariant, detail);
  }

  /** What it was shown of the event was about an earlier life of its id, while the others were at the next. */
  #isOfEarlierLife(name: string, eventId: string): boolean {
    const isBehind = this.lifeOf(eventId) > 1 && this.world?.metadata.hasLaggedBehind(name) === true;
    return isBehind && !this.#onOldDocuments.has(`${name} ${eventId}`);
  }

  /** Its journal is lost, the documents it is shown may be of another time, and nobody was told of what it promised. */
  #isForgotten(name: string, eventId: string): boolean {
    const { faults, coordinator, vms } = this.world ?? {};
    const isOfAnotherTime = faults !== undefined && faults.behind + faults.restartedDocuments > 0;
    const copy = coordinator?.record(eventId)?.members[name];
    return isOfAnotherTime && copy === undefined && vms?.get(name)?.hasLostJournal() === true;
  }

  /** The weaker way back that some operators choose. */
  #isPastImpact(name: string, eventId: string): boolean {
    const phase = this.world?.event(eventId)?.life.phase;
    return (
      this.world?.vms.get(name)?.operator.returnsAfterImpact === true && phase !== 'scheduled' && phase !== 'approved'
    );
  }

  violate(invariant: Invariant, detail: string): void {
    this.violations.push({ invariant, atMs: this.world?.time.nowMs ?? 0, detail });
  }
}
