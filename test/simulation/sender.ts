import type { EventDocument } from '../../agent/core/event-document.ts';
import type { Observation } from '../../agent/core/observation.ts';
import type { AgreementCommand } from '../../common/agreement/command.ts';
import { canonicalEventId } from '../../common/agreement/names.ts';
import { askCoordinator } from './ask-coordinator.ts';
import type { Invariants } from './invariants.ts';
import type { World } from './world.ts';

/** Answers come after this long at the most when nothing is wrong. */
const QUICK_MS = 40;
/** A late POST: on its way for up to 8 s, sent by a process that may have stood still for 20 s before. */
const LATE_POST_MS = 28_000;

/** Whose messages they are. */
interface Author {
  readonly name: string;
  /** Its name in traces. */
  readonly label: string;
  readonly isClone: boolean;
  /** Raised when the process dies: what is answered after that is for nobody. */
  life(): number;
  canTalk(): boolean;
  tell(observation: Observation): void;
}

/** What a VM sends to the coordinator and to the platform, what becomes of it on the way, and what invariants say of it. */
export class Sender {
  readonly #world: World;
  readonly #invariants: Invariants;
  readonly #author: Author;
  readonly #freshReads = new Map<string, EventDocument | undefined>();

  constructor(world: World, invariants: Invariants, author: Author) {
    this.#world = world;
    this.#invariants = invariants;
    this.#author = author;
  }

  /** A question to the coordinator: it, or its answer, can be lost on the way. */
  ask(id: number, answer: () => Observation): void {
    const life = this.#author.life();
    askCoordinator(this.#world, () => this.#author.canTalk(), {
      id,
      answer,
      tell: (observation) => {
        if (life === this.#author.life()) this.#author.tell(observation);
      },
    });
  }

  submit(id: number, command: AgreementCommand): void {
    const { name, isClone } = this.#author;
    const eventId = canonicalEventId(command.eventId);
    if (command.kind === 'report' && command.promise === 'prepared' && !isClone)
      this.#invariants.promised(name, eventId);
    this.ask(id, () => {
      const answer = this.#world.coordinator.submit(command);
      if (isClone) return { kind: 'answer', id, ...answer };
      // A lower promise counts from when it is in a record that nobody has intended anything in. (A `released` is not about an
      // event that is there: that the event is gone is for the platform to say.)
      const isReport = command.kind === 'report';
      const isLower =
        command.kind === 'withdraw' || (isReport && (command.promise === 'binding' || command.promise === 'consented'));
      const isTakenBack = isLower && answer.outcome.kind === 'accepted' && answer.record?.everIntent === false;
      // Refused is what was overtaken by a newer write of its own: it is in no record.
      if (isTakenBack || (isReport && answer.outcome.kind === 'refused')) this.#invariants.released(name, eventId);
      return { kind: 'answer', id, ...answer };
    });
  }

  /** The answer to a GET that was made for an approval. */
  hasRead(eventId: string, document: EventDocument | undefined): void {
    this.#freshReads.set(canonicalEventId(eventId), document);
  }

  post(token: number, eventId: string): void {
    const { name, label } = this.#author;
    const key = canonicalEventId(eventId);
    const read = this.#freshReads.get(key)?.events.find((event) => canonicalEventId(event.eventId) === key);
    this.#invariants.sending(label, key, read?.status === 'Scheduled' ? read.resources : undefined);
    const isLate = this.#world.strikes('approval late', this.#world.faults.latePosts);
    const life = this.#author.life();
    const lifeOfEvent = this.#world.lifeOf(key);
    this.#world.approvalsUnderWay++;
    this.#world.time.after(isLate ? this.#world.between(1, LATE_POST_MS) : this.#world.between(1, QUICK_MS), () => {
      this.#world.approvalsUnderWay--;
      // On its way already: that the sender died since does not call it back.
      const outcome = this.#world.post({ name, label }, eventId, lifeOfEvent);
      const isLost = this.#world.strikes('approval unanswered', this.#world.faults.lostAnswers);
      const isHeard = life === this.#author.life();
      if (isLost || outcome === 'refused' || !isHeard) this.#invariants.allowOneMore(key);
      const detail = isLost ? 'time-out' : '';
      if (isHeard) this.#author.tell({ kind: 'posted', token, outcome: isLost ? 'unknown' : outcome, detail });
    });
  }
}
