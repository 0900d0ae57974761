import { applyCommand } from '../../common/agreement/apply-command.ts';
import { takesBack, type AgreementCommand } from '../../common/agreement/command.ts';
import { canonicalEventId, canonicalName } from '../../common/agreement/names.ts';
import type { AgreementRecord } from '../../common/agreement/record.ts';
import type { Clock } from '../../common/runtime/clock.ts';
import type { AgreementEvents, Agreements, Answer } from './coordinator.ts';

/** What the opt-in does not guarantee, in the words that log, status and the check of the settings use. */
export const FIRST_IN_RESOURCES =
  'the first VM that an event names approves it once it has itself drained: the others may be hit in service, and while it hangs nobody approves';

/**
 * The simple rule that Azure's documentation suggests: the first VM in an event's `Resources` approves, once it has itself
 * drained (Azure docs, Scheduled Events, "Approving on behalf of other VMs"). Nobody is asked: the event then hits the other VMs whether they have drained or not, and
 * while the first VM hangs nobody approves. An explicit opt-in for fleets without any common store; says so at its start.
 */
export class FirstInResources implements Agreements {
  readonly #own: string;
  readonly #events: AgreementEvents;
  readonly #clock: Clock;
  readonly #records = new Map<string, AgreementRecord>();

  constructor(name: string, events: AgreementEvents, clock: Clock) {
    this.#own = canonicalName(name);
    this.#events = events;
    this.#clock = clock;
  }

  /** There is nobody to connect to: it is there at once. */
  open(): void {
    this.#events.connected();
  }

  close(): void {
    this.#records.clear();
  }

  /** Applies the command to a record that only this VM has, and in which it awaits nobody. */
  async submit(command: AgreementCommand): Promise<Answer> {
    const eventId = canonicalEventId(command.eventId);
    const before = this.#records.get(eventId);
    if (command.kind === 'campaign' && before?.resources[0] !== this.#own)
      return { outcome: { kind: 'refused', reason: 'lease-held' }, record: before };
    // The first VM approves without asking: nobody else can tell that it has not.
    if (takesBack(command) && before !== undefined && before.resources[0] !== this.#own)
      return { outcome: { kind: 'refused', reason: 'withdrawal-unsafe' }, record: before };
    const others = new Set((before?.resources ?? []).filter((name) => name !== this.#own));
    const { record, outcome } = applyCommand(before, command, { now: this.#clock.now(), unmanaged: others });
    if (record?.phase === 'ended') this.#records.delete(eventId);
    else if (record !== undefined) this.#records.set(eventId, record);
    return { outcome, record };
  }

  /** Nothing is remembered beyond this process. */
  async reconcile(): Promise<readonly AgreementRecord[]> {
    return [];
  }
}
