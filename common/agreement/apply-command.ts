import { canonicalEventId, canonicalName, canonicalNames, subjectHash } from './names.ts';
import type {
  AgreementCommand,
  ApproveCommand,
  CampaignCommand,
  EndCommand,
  ForceCommand,
  IntendCommand,
  Refusal,
  ReopenCommand,
  ReportCommand,
  Transition,
  WithdrawCommand,
} from './command.ts';
import { awaitedBy, isForced, LEASE_MS, type AgreementRecord, type MemberEntry } from './record.ts';

/**
 * Applies one command to the record of its event. `now` is the coordinator's clock in epoch milliseconds. Pure and
 * idempotent: a command repeated because its answer was lost is accepted again and changes nothing.
 */
export function applyCommand(
  record: AgreementRecord | undefined,
  command: AgreementCommand,
  context: { readonly now: number; readonly unmanaged: ReadonlySet<string> },
): Transition {
  if (command.kind === 'report') return applyReport(record ?? openRecord(command), command);
  if (record === undefined) return { record, outcome: { kind: 'refused', reason: 'no-record' } };
  switch (command.kind) {
    case 'campaign':
      return applyCampaign(record, command, context.now);
    case 'withdraw':
      return applyWithdraw(record, command);
    case 'force':
      return applyForce(record, command, context.now);
    case 'intend':
    case 'approve':
    case 'reopen':
    case 'end':
      return applyLeaderCommand(record, command, context);
    default:
      return command satisfies never;
  }
}

function openRecord(report: ReportCommand): AgreementRecord {
  return {
    scope: report.scope,
    eventId: canonicalEventId(report.eventId),
    eventType: report.eventType,
    phase: 'preparing',
    hash: subjectHash(report),
    resources: canonicalNames(report.resources),
    intent: undefined,
    everIntent: false,
    lease: undefined,
    term: 0,
    members: {},
  };
}

function applyReport(record: AgreementRecord, command: ReportCommand): Transition {
  const name = canonicalName(command.name);
  const hash = subjectHash(command);
  const entry = record.members[name];
  const next: MemberEntry = {
    vmId: command.vmId,
    number: command.number,
    hash,
    promise: command.promise,
    deadlineReached: command.deadlineReached,
    ...(command.incarnation === undefined ? {} : { incarnation: command.incarnation }),
  };
  const refusal = refuseMemberWrite(entry, command.vmId, command.number);
  const isRepetition = refusal === 'stale-number' && isSameEntry(entry, next);
  if (refusal !== undefined && !isRepetition) return refused(record, refusal);
  const kept = isRepetition && entry !== undefined ? entry : next;
  const notBeforeMs = isRepetition ? record.notBeforeMs : (command.notBeforeMs ?? record.notBeforeMs);
  return accepted({
    ...record,
    everIntent: record.everIntent || command.localIntent,
    members: { ...record.members, [name]: kept },
    ...(notBeforeMs === undefined ? {} : { notBeforeMs }),
  });
}

/** An identity is one VM: a second machine that answers to the same name must not overwrite what the first promised. */
function refuseMemberWrite(entry: MemberEntry | undefined, vmId: string, number: number): Refusal | undefined {
  if (entry === undefined) return undefined;
  if (entry.vmId !== vmId) return 'other-identity';
  return number <= entry.number ? 'stale-number' : undefined;
}

function isSameEntry(entry: MemberEntry | undefined, next: MemberEntry): boolean {
  return (
    entry !== undefined &&
    entry.number === next.number &&
    entry.hash === next.hash &&
    entry.promise === next.promise &&
    entry.deadlineReached === next.deadlineReached
  );
}

function applyCampaign(record: AgreementRecord, command: CampaignCommand, now: number): Transition {
  const holder = canonicalName(command.holder);
  // Only a VM that the event names, or one that reported it, has a reason to lead.
  if (!record.resources.includes(holder) && record.members[holder] === undefined)
    return refused(record, 'not-a-member');
  const isHeld = record.lease !== undefined && record.lease.expiresAtMs > now;
  if (isHeld && record.lease?.holder !== holder) return refused(record, 'lease-held');
  const sinceMs = isHeld ? record.lease?.sinceMs : now;
  return accepted({
    ...record,
    // A lapsed lease is a new one even for its old holder: whatever it wrote in between must not count.
    term: isHeld ? record.term : record.term + 1,
    lease: { holder, expiresAtMs: now + LEASE_MS, ...(sinceMs === undefined ? {} : { sinceMs }) },
  });
}

/** For the record exactly as it stands. What is approved or over needs no force, and a withdrawal was granted for good. */
function applyForce(record: AgreementRecord, command: ForceCommand, now: number): Transition {
  if (record.phase !== 'preparing' && record.phase !== 'intent') return refused(record, 'wrong-phase');
  if (isForced(record)) return accepted(record);
  const { by, reason } = command;
  return accepted({ ...record, forced: { hash: record.hash, by, reason, atMs: now } });
}

function applyWithdraw(record: AgreementRecord, command: WithdrawCommand): Transition {
  const name = canonicalName(command.name);
  const entry = record.members[name];
  if (entry === undefined) return refused(record, 'not-a-member');
  if (entry.promise === 'withdrawn' && entry.number === command.number) return accepted(record);
  const refusal = refuseMemberWrite(entry, command.vmId, command.number);
  if (refusal !== undefined) return refused(record, refusal);
  // Rule 7: also refused in a record that was reopened since, because the approval of the first intent may still be under way.
  if (record.everIntent) return refused(record, 'intent-recorded');
  if (record.phase !== 'preparing' && record.phase !== 'aborted') return refused(record, 'wrong-phase');
  return accepted({
    ...record,
    phase: 'aborted',
    members: { ...record.members, [name]: { ...entry, number: command.number, promise: 'withdrawn' } },
  });
}

function applyLeaderCommand(
  record: AgreementRecord,
  command: IntendCommand | ApproveCommand | ReopenCommand | EndCommand,
  context: { readonly now: number; readonly unmanaged: ReadonlySet<string> },
): Transition {
  const holder = canonicalName(command.holder);
  if (command.term !== record.term || record.lease?.holder !== holder) return refused(record, 'stale-term');
  switch (command.kind) {
    case 'intend':
      return applyIntend(record, command, context);
    case 'approve':
      if (record.phase === 'approved') return accepted(record);
      return record.phase === 'intent' ? accepted({ ...record, phase: 'approved' }) : refused(record, 'wrong-phase');
    case 'reopen':
      return applyReopen(record, command);
    case 'end':
      return accepted(record.phase === 'ended' ? record : { ...record, phase: 'ended' });
    default:
      return command satisfies never;
  }
}

function applyIntend(
  record: AgreementRecord,
  command: IntendCommand,
  context: { readonly now: number; readonly unmanaged: ReadonlySet<string> },
): Transition {
  if (command.hash !== record.hash) return refused(record, 'hash-differs');
  // A leader that takes over an open intent makes it its own: it is about to approve in its own term.
  if (record.phase !== 'preparing' && record.phase !== 'intent') return refused(record, 'wrong-phase');
  if (record.lease === undefined || record.lease.expiresAtMs <= context.now) return refused(record, 'lease-expired');
  if (awaitedBy(record, context.unmanaged).length > 0) return refused(record, 'not-ready');
  const by = canonicalName(command.holder);
  if (record.intent?.by === by && record.intent.term === command.term && record.phase === 'intent')
    return accepted(record);
  return accepted({
    ...record,
    phase: 'intent',
    everIntent: true,
    intent: { by, term: command.term, atMs: context.now },
  });
}

function applyReopen(record: AgreementRecord, command: ReopenCommand): Transition {
  const hash = subjectHash(command);
  if (record.phase === 'preparing' && record.hash === hash) return accepted(record);
  // What is approved stays approved: the platform has the approval, for whatever VMs the event names by then.
  if (record.phase === 'approved' || record.phase === 'aborted') return refused(record, 'wrong-phase');
  return accepted({
    ...record,
    phase: 'preparing',
    eventType: command.eventType,
    hash,
    resources: canonicalNames(command.resources),
    intent: undefined,
    members: record.phase === 'ended' ? released(record.members) : record.members,
    // An operator's word was about what the record said then; also an event that comes back unchanged is another one.
    forced: undefined,
  });
}

/**
 * An event whose id comes back is another one: what was promised counts no more, also of a VM that is back in rotation and could
 * not say so. Numbers stay, so that what was overtaken is still refused; whoever is still out promises again.
 */
function released(members: AgreementRecord['members']): AgreementRecord['members'] {
  const hasAgreed = ({ promise }: MemberEntry): boolean => promise === 'prepared' || promise === 'consented';
  return Object.fromEntries(
    Object.entries(members).map(([name, entry]) => [
      name,
      hasAgreed(entry) ? { ...entry, promise: 'released' as const } : entry,
    ]),
  );
}

function accepted(record: AgreementRecord): Transition {
  return { record, outcome: { kind: 'accepted' } };
}

function refused(record: AgreementRecord, reason: Refusal): Transition {
  return { record, outcome: { kind: 'refused', reason } };
}
