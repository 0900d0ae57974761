import { applyCommand } from '../../../common/agreement/apply-command.ts';
import type { AgreementCommand } from '../../../common/agreement/command.ts';
import { canonicalEventId, canonicalName } from '../../../common/agreement/names.ts';
import type { AgreementRecord } from '../../../common/agreement/record.ts';
import { backoffMs } from '../../../common/runtime/backoff.ts';
import type { Clock } from '../../../common/runtime/clock.ts';
import { describeError } from '../../../common/runtime/errors.ts';
import type { Log } from '../../../common/runtime/log.ts';
import type { RandomSource } from '../../../common/runtime/random.ts';
import type { AgreementEvents, Agreements, Answer } from '../coordinator.ts';
import { nowBySight, sightOf, type LeaseSight } from './observed-lease.ts';
import type { RecordBlobs, StoredRecord } from './record-blobs.ts';

/** A record that this VM has a part in is looked at this often: twice within a candidate's pause and a half. */
const WATCH_MS = 1000;

/** While nothing is agreed on, only whether the container can be reached is of interest. */
const IDLE_MS = 30_000;

/** A storage service that has one hiccup is not gone; this many failed calls in a row mean that it is. */
const LOST_AFTER = 3;

/** Whoever waits for the container has promised something: it must not wait much longer than the outage lasts. */
const RETRY = { baseMs: 500, maxMs: 4000 };

/** Times a command is applied anew because another VM wrote first; each loss means that somebody else got on. */
const MAX_TRIES = 20;

/** Closed records are removed when nobody has touched them for so long; an event id does not come back after days. */
const KEEP_CLOSED_MS = 7 * 24 * 3_600_000;

/** How many records are read at once at the start. */
const READ_AT_ONCE = 8;

export interface BlobCoordinatorParts {
  readonly blobs: RecordBlobs;
  readonly identity: { readonly scope: string; readonly name: string };
  /** Canonical names of VMs without an agent; every VM of the scope must be told the same ones. */
  readonly unmanaged: ReadonlySet<string>;
  readonly events: AgreementEvents;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: Log;
}

interface Watched {
  etag: string;
  sight: LeaseSight | undefined;
}

/**
 * Records of agreements in an Azure Storage container, without a server of ours: every VM applies its commands itself, under
 * the ETag's compare-and-set. Leases are fields of the record and lapse by what each VM has seen of them.
 *
 * Fails towards silence: a call without an answer is no answer, a record that cannot be read stops the agreement about it, and
 * while the container cannot be reached nobody approves for others.
 */
export class BlobCoordinator implements Agreements {
  readonly #parts: BlobCoordinatorParts;
  readonly #watched = new Map<string, Watched>();
  readonly #closing = new AbortController();
  #isConnected = false;
  #failures = 0;
  /** Monotonic time of the newest look at the container. */
  #lookedAtMs = 0;

  constructor(parts: BlobCoordinatorParts) {
    this.#parts = parts;
  }

  /** Connects, and watches the records that this VM has a part in, until `close`. */
  open(): void {
    // Never rejects.
    void this.#run();
  }

  close(): void {
    this.#closing.abort();
  }

  async submit(command: AgreementCommand): Promise<Answer | undefined> {
    try {
      const answer = await this.#apply(command);
      this.#failures = 0;
      return answer;
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  async reconcile(): Promise<readonly AgreementRecord[] | undefined> {
    const { blobs, identity } = this.#parts;
    try {
      const listed = await blobs.list(identity.scope);
      const records: AgreementRecord[] = [];
      for (let at = 0; at < listed.length; at += READ_AT_ONCE) {
        const some = listed.slice(at, at + READ_AT_ONCE);
        const read = await Promise.all(some.map(async (one) => await this.#readListed(one)));
        records.push(...read.filter((record) => record !== undefined));
      }
      const own = canonicalName(identity.name);
      return records.filter((record) => record.resources.includes(own) || record.members[own] !== undefined);
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  async #readListed(one: {
    readonly eventId: string;
    readonly changedAtMs: number;
  }): Promise<AgreementRecord | undefined> {
    const { blobs, identity, clock } = this.#parts;
    const key = { scope: identity.scope, eventId: one.eventId };
    const stored = await blobs.read(key);
    if (stored === undefined) return undefined;
    if (isClosed(stored.record) && clock.now() - one.changedAtMs > KEEP_CLOSED_MS) {
      await blobs.remove(key, stored.etag);
      return undefined;
    }
    this.#saw(stored);
    return stored.record;
  }

  async #apply(command: AgreementCommand): Promise<Answer> {
    const { blobs, clock, unmanaged } = this.#parts;
    const key = { scope: command.scope, eventId: canonicalEventId(command.eventId) };
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const stored = await blobs.read(key);
      const sight = stored === undefined ? undefined : this.#saw(stored);
      // From before the call: a lease must not seem fresher than it is.
      const sentAtMs = clock.monotonic();
      const now = nowBySight(sight, clock.now(), sentAtMs);
      const { record, outcome } = applyCommand(stored?.record, command, { now, unmanaged });
      if (record === undefined || record === stored?.record) return { outcome, record };
      const etag = await blobs.write(key, record, stored?.etag);
      if (etag === undefined) continue;
      this.#watched.set(key.eventId, { etag, sight: sightOf(sight, record, sentAtMs) });
      return { outcome, record };
    }
    throw new Error(`the record of event ${key.eventId} changed ${MAX_TRIES} times while a command was applied`);
  }

  /** Remembers what was read; the lease as seen now. */
  #saw(stored: StoredRecord): LeaseSight | undefined {
    const { eventId } = stored.record;
    const sight = sightOf(this.#watched.get(eventId)?.sight, stored.record, this.#parts.clock.monotonic());
    if (stored.record.phase === 'ended') this.#watched.delete(eventId);
    else this.#watched.set(eventId, { etag: stored.etag, sight });
    return sight;
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#parts;
    const { signal } = this.#closing;
    let attempts = 0;
    while (!signal.aborted) {
      if (this.#isConnected) {
        await clock.sleep(WATCH_MS, signal);
        const isDue = this.#watched.size > 0 || clock.monotonic() - this.#lookedAtMs >= IDLE_MS;
        // A command that failed meanwhile may have ended the connection.
        if (!signal.aborted && this.#isConnected && isDue) await this.#look();
      } else if (await this.#connect()) {
        attempts = 0;
      } else {
        await clock.sleep(backoffMs(attempts++, RETRY, random.fraction()), signal);
      }
    }
  }

  async #connect(): Promise<boolean> {
    const { blobs, identity, events, log } = this.#parts;
    try {
      await blobs.prepare();
      await blobs.list(identity.scope);
    } catch (error) {
      if (this.#failures++ === 0) log.warn({ reason: describeError(error) }, 'the storage container cannot be reached');
      return false;
    }
    if (this.#closing.signal.aborted) return false;
    this.#isConnected = true;
    this.#failures = 0;
    log.info({ scope: identity.scope }, 'connected to the storage container');
    events.connected();
    return true;
  }

  async #look(): Promise<void> {
    const { blobs, identity, events, clock } = this.#parts;
    this.#lookedAtMs = clock.monotonic();
    try {
      if (this.#watched.size === 0) await blobs.list(identity.scope);
      for (const [eventId, { etag }] of this.#watched) {
        const stored = await blobs.readIfChanged({ scope: identity.scope, eventId }, etag);
        if (stored === undefined) this.#watched.delete(eventId);
        else if (stored !== 'unchanged') {
          this.#saw(stored);
          events.record(stored.record);
        }
      }
      this.#failures = 0;
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    const { events, log } = this.#parts;
    const reason = describeError(error);
    log.debug({ reason }, 'a call to the storage container failed');
    if (++this.#failures < LOST_AFTER || !this.#isConnected) return;
    this.#isConnected = false;
    log.warn({ reason }, 'the storage container cannot be reached');
    events.disconnected(reason);
  }
}

/** Nothing more can happen to it, unless the event's id comes back. */
function isClosed(record: AgreementRecord): boolean {
  return record.phase === 'ended' || record.phase === 'aborted';
}
