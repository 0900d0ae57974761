import { canonicalName, subjectHash } from '../../common/agreement/names.ts';
import type { AgreementPhase, AgreementRecord } from '../../common/agreement/record.ts';
import type { PlatformEvent } from '../../emulator/platform/state.ts';
import type { Checks, World } from './world.ts';

export interface Violation {
  readonly invariant: string;
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
 *   its operator lets it be hit in service, or (out of rotation) with connections left.
 * - S1b: from then until the event is gone none of them enters rotation.
 *   Neither speaks of an approval for exactly those VMs that an operator has forced it for.
 * - S3: an approval is sent only by a VM whose newest read showed the event Scheduled, with the VMs that agreed.
 * - S5: a VM that has promised enters rotation only once the event is gone.
 * - S6: terms never decrease, the record moves along its edges only.
 * - R1 is counted, not forbidden: VMs that the event came to name after the poster's last read. Nobody can know of them.
 */
export class Invariants implements Checks {
  readonly violations: Violation[] = [];
  readonly residuals = { grownAfterRead: 0 };
  /** Canonical names of the VMs that each approved event named when its approval was sent. */
  readonly #approved = new Map<string, ReadonlySet<string>>();
  readonly #promised = new Map<string, Set<string>>();
  /** What each poster had read when it sent its approval. */
  readonly #reads = new Map<string, ReadonlySet<string>>();
  /** What operators have forced: hashes of the event with the VMs that it named then. */
  readonly #forced = new Set<string>();
  world: World | undefined;

  record(before: AgreementRecord | undefined, after: AgreementRecord): void {
    if (after.forced !== undefined) this.#forced.add(after.forced.hash);
    if (before === undefined) return;
    if (after.term < before.term) this.#violate('S6', `term ${before.term} became ${after.term}`);
    if (!EDGES[before.phase].includes(after.phase)) this.#violate('S6', `${before.phase} became ${after.phase}`);
    if (before.everIntent && !after.everIntent) this.#violate('S8', 'an intent was forgotten');
  }

  /** A VM is about to send an approval; `names` are those in the document it read for it, undefined if it was not Scheduled. */
  sending(by: string, eventId: string, names: readonly string[] | undefined): void {
    if (names === undefined) this.#violate('S3', `${by} approves what it has not just read as Scheduled`);
    this.#reads.set(`${by} ${eventId}`, new Set((names ?? []).map(canonicalName)));
  }

  promised(name: string, eventId: string): void {
    // A report that is repeated after the event has gone promises nothing any more.
    if (this.world?.event(eventId) === undefined) return;
    const names = this.#promised.get(eventId) ?? new Set();
    this.#promised.set(eventId, names.add(canonicalName(name)));
  }

  released(name: string, eventId: string): void {
    this.#promised.get(eventId)?.delete(canonicalName(name));
  }

  post(by: string, event: PlatformEvent): void {
    if (event.life.phase !== 'scheduled') return;
    const known = this.#reads.get(`${by} ${event.id}`) ?? new Set();
    const names = event.resources.map(canonicalName);
    if (this.#forced.has(subjectHash({ eventId: event.id, eventType: event.type, resources: [...known] }))) return;
    for (const name of names) {
      const vm = this.world?.vms.get(name);
      const isIdle = vm !== undefined && (vm.connections() === 0 || vm.operator.agreesOnFailure);
      const isSafe = vm !== undefined && (vm.operator.consents || (!vm.isInRotation() && isIdle));
      if (isSafe) continue;
      if (known.has(name)) this.#violate('S1', `${by} approved while ${name} was in service`);
      else this.residuals.grownAfterRead++;
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
    if (vm?.operator.consents === true) return;
    for (const [eventId, names] of this.#approved)
      if (names.has(name) && !this.#isPastImpact(name, eventId))
        this.#violate('S1b', `${name} entered rotation although ${eventId} was approved and is not over`);
    for (const [eventId, names] of this.#promised)
      if (names.has(name) && !this.#isPastImpact(name, eventId))
        this.#violate('S5', `${name} broke its promise for ${eventId}`);
  }

  /** The weaker way back that some operators choose. */
  #isPastImpact(name: string, eventId: string): boolean {
    const phase = this.world?.event(eventId)?.life.phase;
    return (
      this.world?.vms.get(name)?.operator.returnsAfterImpact === true && phase !== 'scheduled' && phase !== 'approved'
    );
  }

  #violate(invariant: string, detail: string): void {
    this.violations.push({ invariant, atMs: this.world?.time.nowMs ?? 0, detail });
  }
}
