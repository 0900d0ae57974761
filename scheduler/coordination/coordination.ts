import { canonicalEventId, canonicalName } from '../../common/agreement/names.ts';
import { applyCommand } from '../../common/agreement/apply-command.ts';
import { takesBack, type AgreementCommand, type Transition } from '../../common/agreement/command.ts';
import type { AgreementRecord } from '../../common/agreement/record.ts';
import type { VmIdentity } from '../../common/protocol/messages.ts';
import type { Clock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { AgreementStore } from '../store/store.ts';
import { vmKey } from '../vm-key.ts';
import type { Publish } from '../watch.ts';
import { describeChange } from './describe.ts';
import { createLeave } from './leave.ts';
import type { GrantStore, ServingVm } from './leaving.ts';
import { isOwnCommand } from './ownership.ts';

export interface CoordinationParts {
  readonly store: AgreementStore;
  readonly grants: GrantStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Canonical names of VMs without an agent. */
  readonly unmanaged: ReadonlySet<string>;
  readonly publish: Publish;
  /** Sends a record that has changed to the connected VMs with a part in it. */
  readonly push: (record: AgreementRecord) => void;
  readonly nameOf: (record: Pick<AgreementRecord, 'scope'>, canonical: string) => string;
}

export interface Coordination {
  /** Reads the records that are not over: before the first agent connects, and when news of others may have been missed. */
  load(): Promise<void>;
  /** Applies an agent's command to the record of its event. The new record is durable when this resolves. */
  submit(identity: VmIdentity, command: AgreementCommand): Promise<Transition>;
  /** The records of the VM's scope that name it or hold an entry of it. */
  reconcile(identity: VmIdentity): Promise<readonly AgreementRecord[]>;
  /** Keys (`vmKey`) of the VMs that an event under way has a claim on. */
  claimedKeys(): ReadonlySet<string>;
  /** Does the VM's role keep `minimum` others in service when it leaves now? `vms` are those that are connected. */
  mayLeave(
    identity: VmIdentity,
    minimum: number,
    vms: readonly ServingVm[],
  ): Promise<{ readonly granted: boolean; readonly detail: string }>;
  /** Another scheduler on the same store has changed a record: those connected here learn of it too. Never rejects. */
  heard(scope: string, eventId: string): Promise<void>;
  /** An operator lets the event go ahead as it stands. Durable, and told to its VMs, when this resolves. */
  force(event: Pick<AgreementRecord, 'scope' | 'eventId'>, word: OperatorsWord): Promise<Transition>;
  /** How many commands were refused, by reason. */
  refusals(): Readonly<Record<string, number>>;
}

/** Who forces an event, and why; both are kept in its record. */
export interface OperatorsWord {
  readonly by: string;
  readonly reason: string;
}

/**
 * Times a command is applied anew because another write came first. Each loss means that somebody else won, so this many in
 * a row means a fault.
 */
const MAX_TRIES = 20;

/** Records that one VM can be sent at once (the protocol's bound), newest first. */
const MAX_RECORDS = 1000;

/** A record that nobody has touched for so long claims nobody any more: its VMs' health tells how they are. */
const CLAIM_LIFE_MS = 3_600_000;

/** Stores agreements; decides nothing itself: that is `applyCommand`, under compare-and-set. */
export function createCoordination(parts: CoordinationParts): Coordination {
  const { store, clock, log, unmanaged } = parts;
  const refusals: Record<string, number> = {};
  const open = new Map<string, { readonly record: AgreementRecord; readonly atMs: number }>();

  const note = (record: AgreementRecord, atMs: number): void => {
    const key = `${record.scope}/${record.eventId}`;
    if (record.phase === 'ended' || record.phase === 'aborted') open.delete(key);
    else open.set(key, { record, atMs });
  };

  const apply = async (command: AgreementCommand): Promise<Transition> => {
    if (takesBack(command) && !store.mayWithdraw) {
      return { record: undefined, outcome: { kind: 'refused', reason: 'withdrawal-unsafe' } };
    }
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const stored = await store.read(command.scope, command.eventId);
      const now = clock.now();
      const transition = applyCommand(stored?.record, command, { now, unmanaged });
      const after = transition.record;
      if (after === undefined || after === stored?.record) return transition;
      if (!(await store.write(after, stored?.version ?? 0, now))) continue;
      note(after, now);
      announce(parts, stored?.record, after);
      return transition;
    }
    throw new Error(`the record of event ${command.eventId} changed ${MAX_TRIES} times while a command was applied`);
  };

  const claimedKeys = (): ReadonlySet<string> => claimed(open.values(), clock.now());

  return {
    load: async () => {
      for (const { record, updatedAtMs } of await store.list(MAX_RECORDS)) note(record, updatedAtMs);
    },
    submit: async (identity, command) => {
      const transition: Transition = isOwnCommand(identity, command)
        ? await apply(command)
        : { record: undefined, outcome: { kind: 'refused', reason: 'other-identity' } };
      if (transition.outcome.kind === 'refused') {
        const { reason } = transition.outcome;
        refusals[reason] = (refusals[reason] ?? 0) + 1;
        log.debug({ vm: identity.name, eventId: command.eventId, command: command.kind, reason }, 'command refused');
      }
      return transition;
    },
    reconcile: async (identity) => {
      const own = canonicalName(identity.name);
      const records = (await store.list(MAX_RECORDS, identity.scope)).map(({ record }) => record);
      return records.filter((record) => record.resources.includes(own) || record.members[own] !== undefined);
    },
    claimedKeys,
    mayLeave: createLeave(parts, claimedKeys),
    heard: async (scope, eventId) => {
      try {
        const stored = await store.read(scope, eventId);
        if (stored === undefined) return;
        note(stored.record, clock.now());
        parts.push(stored.record);
      } catch (error) {
        // Agents ask again by themselves; this only makes it quicker.
        log.warn({ eventId, err: describeError(error) }, 'cannot read a record that another scheduler has changed');
      }
    },
    force: async ({ scope, eventId }, { by, reason }) => {
      const transition = await apply({ kind: 'force', scope, eventId, by, reason });
      const { outcome } = transition;
      log.warn({ scope, eventId, by, reason, outcome: outcome.kind }, 'an operator forces an event');
      return transition;
    },
    refusals: () => ({ ...refusals }),
  };
}

/** Keys of the VMs that the records of events under way name and that are not through with them. */
function claimed(
  records: Iterable<{ readonly record: AgreementRecord; readonly atMs: number }>,
  now: number,
): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const { record, atMs } of records) {
    if (now - atMs > CLAIM_LIFE_MS) continue;
    for (const name of record.resources) {
      if (record.members[name]?.promise !== 'released') keys.add(vmKey(record.scope, name));
    }
  }
  return keys;
}

function announce(parts: CoordinationParts, before: AgreementRecord | undefined, after: AgreementRecord): void {
  const name = (canonical: string): string => parts.nameOf(after, canonical);
  for (const news of describeChange(before, after, name)) {
    parts.log.info(
      { eventId: after.eventId, scope: after.scope, news: news.kind, detail: news.detail },
      'agreement changed',
    );
    parts.publish({
      kind: news.kind,
      eventId: canonicalEventId(after.eventId),
      ...(news.vm === undefined ? {} : { vm: name(news.vm) }),
      detail: news.detail,
    });
  }
  parts.push(after);
}
