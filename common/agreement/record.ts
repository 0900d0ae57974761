import { canonicalEventId, canonicalName, subjectHash } from './names.ts';

/**
 * The record of one event: what its VMs have promised and how far its approval has come. Exactly one exists per (scope,
 * event); the coordinator that stores it applies `applyCommand` under compare-and-set and decides nothing itself.
 *
 *                          reopen (resources changed)
 *                        ┌─────────────┐
 *                        ▼             │
 *   (none) ──report──▶ preparing ──intend──▶ intent ──approve──▶ approved
 *                        │  ▲             │                         │
 *               withdraw │  └─reopen──────┼──────────┐              │
 *                        ▼                ▼          │              ▼
 *                     aborted ──────────▶ └───────▶ ended ◀─────────┘
 *
 * The platform cannot refuse an approval that comes late, so safety rests on the promises alone: once every VM that the
 * event names has promised to stay out of rotation until the event has ended, a late approval harms nobody. The lease only
 * keeps the number of candidates at one.
 */
export interface AgreementRecord {
  readonly scope: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly phase: AgreementPhase;
  /** What is being agreed on; a promise with another hash does not count. */
  readonly hash: string;
  /** Canonical names of the VMs that must promise. */
  readonly resources: readonly string[];
  /** Whose intent it is, in which term; kept once approved. */
  readonly intent: { readonly by: string; readonly term: number; readonly atMs: number } | undefined;
  /** Never goes back to false: after an intent an approval may be in flight for ever, so nobody may withdraw any more. */
  readonly everIntent: boolean;
  readonly lease: { readonly holder: string; readonly expiresAtMs: number } | undefined;
  /** Number of the newest lease. Writes of the leader carry it; an older one is refused. Never decreases. */
  readonly term: number;
  readonly members: Readonly<Record<string, MemberEntry>>;
}

export const AGREEMENT_PHASES = ['preparing', 'intent', 'approved', 'aborted', 'ended'] as const;
export type AgreementPhase = (typeof AGREEMENT_PHASES)[number];

/**
 * What a VM has bound itself to for one event.
 * binding: draining, nothing promised yet · prepared: out of rotation until the event has ended · consented: its operator lets
 * the event hit it in service (speaks for this VM only) · released: the event is over for it · withdrawn: its operator keeps
 * it in service, so the event can only go ahead on the platform's own clock.
 */
export const PROMISE_STATES = ['binding', 'prepared', 'consented', 'released', 'withdrawn'] as const;
export type PromiseState = (typeof PROMISE_STATES)[number];

/** The newest thing one VM wrote. */
export interface MemberEntry {
  readonly vmId: string;
  /** The VM numbers its writes, durably; a lower number is a message that was overtaken. */
  readonly number: number;
  readonly hash: string;
  readonly promise: PromiseState;
  /** Its share of the notice ran out before its drain was proven, and its operator chose to approve all the same. */
  readonly deadlineReached: boolean;
}

interface Addressed {
  readonly scope: string;
  readonly eventId: string;
}

/** A VM reports what it sees and what it has promised. It writes for itself only; the transport must make sure of that. */
export interface ReportCommand extends Addressed {
  readonly kind: 'report';
  readonly name: string;
  readonly vmId: string;
  readonly number: number;
  readonly eventType: string;
  readonly resources: readonly string[];
  readonly promise: Exclude<PromiseState, 'withdrawn'>;
  readonly deadlineReached: boolean;
  /** This VM alone was named once, and recorded an intent on its own disk: counts as an intent for ever. */
  readonly localIntent: boolean;
}

/** A VM asks to lead, or to go on leading. */
export interface CampaignCommand extends Addressed {
  readonly kind: 'campaign';
  readonly holder: string;
}

/** The leader, after a fresh read of the document, is about to approve. */
export interface IntendCommand extends Addressed {
  readonly kind: 'intend';
  readonly holder: string;
  readonly term: number;
  readonly hash: string;
}

/** The leader's approval was taken by the platform. */
export interface ApproveCommand extends Addressed {
  readonly kind: 'approve';
  readonly holder: string;
  readonly term: number;
}

/** The leader saw the event name other VMs than the record does, or saw an ended event come back. */
export interface ReopenCommand extends Addressed {
  readonly kind: 'reopen';
  readonly holder: string;
  readonly term: number;
  readonly eventType: string;
  readonly resources: readonly string[];
}

/** The leader saw the event gone for as long as it takes to be sure. */
export interface EndCommand extends Addressed {
  readonly kind: 'end';
  readonly holder: string;
  readonly term: number;
}

/** The VM's operator keeps it in service. Refused once any intent was recorded. */
export interface WithdrawCommand extends Addressed {
  readonly kind: 'withdraw';
  readonly name: string;
  readonly vmId: string;
  readonly number: number;
}

export type AgreementCommand =
  | ReportCommand
  | CampaignCommand
  | IntendCommand
  | ApproveCommand
  | ReopenCommand
  | EndCommand
  | WithdrawCommand;

export const REFUSALS = [
  'no-record',
  'not-a-member',
  'other-identity',
  'stale-number',
  'stale-term',
  'lease-held',
  'lease-expired',
  'wrong-phase',
  'hash-differs',
  'not-ready',
  'intent-recorded',
] as const;
export type Refusal = (typeof REFUSALS)[number];

export type Outcome = { readonly kind: 'accepted' } | { readonly kind: 'refused'; readonly reason: Refusal };

/** A record after a command. `record` is the one given when the command changed nothing. */
export interface Transition {
  readonly record: AgreementRecord | undefined;
  readonly outcome: Outcome;
}

/**
 * How long a lease lasts, how soon its holder renews it, and how often the others ask. Renewal is made by the loop that
 * does the leader's work, so a leader that hangs loses its lease. Source: the proportions that Kubernetes' leader election
 * requires (lease > renewal deadline > retry × jitter), shortened because a Preempt leaves 30 s in all.
 */
export const LEASE_MS = 10_000;
export const LEASE_RENEW_MS = 6000;
export const LEASE_RETRY_MS = 1500;

/** Why the event may not be approved yet; empty when it may. */
export type Awaited =
  | { readonly kind: 'unknown'; readonly name: string }
  | { readonly kind: 'not-prepared'; readonly name: string; readonly promise: PromiseState }
  | { readonly kind: 'dissent'; readonly name: string };

/**
 * Rule 1: every VM named now must have prepared or consented under this very hash, and no VM at all may report another
 * hash. A VM that never reported is never assumed drained, unless the operator listed it as having no agent (`unmanaged`,
 * canonical names).
 */
export function awaitedBy(record: AgreementRecord, unmanaged: ReadonlySet<string>): readonly Awaited[] {
  const awaited: Awaited[] = [];
  for (const name of record.resources) {
    const entry = record.members[name];
    if (entry === undefined) {
      if (!unmanaged.has(name)) awaited.push({ kind: 'unknown', name });
    } else if (entry.hash === record.hash && entry.promise !== 'prepared' && entry.promise !== 'consented') {
      awaited.push({ kind: 'not-prepared', name, promise: entry.promise });
    }
  }
  for (const [name, entry] of Object.entries(record.members)) {
    // Whoever is through with the event and is no longer named has no say in it any more.
    const isPast = entry.promise === 'released' && !record.resources.includes(name);
    if (entry.hash !== record.hash && !isPast) awaited.push({ kind: 'dissent', name });
  }
  return awaited;
}

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
    resources: canonicalResources(report.resources),
    intent: undefined,
    everIntent: false,
    lease: undefined,
    term: 0,
    members: {},
  };
}

function canonicalResources(resources: readonly string[]): readonly string[] {
  return [...new Set(resources.map(canonicalName))];
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
  };
  const refusal = refuseMemberWrite(entry, command.vmId, command.number);
  if (refusal !== undefined && !(refusal === 'stale-number' && isSameEntry(entry, next)))
    return refused(record, refusal);
  return accepted({
    ...record,
    everIntent: record.everIntent || command.localIntent,
    members: { ...record.members, [name]: next },
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
  return accepted({
    ...record,
    // A lapsed lease is a new one even for its old holder: whatever it wrote in between must not count.
    term: isHeld ? record.term : record.term + 1,
    lease: { holder, expiresAtMs: now + LEASE_MS },
  });
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
    resources: canonicalResources(command.resources),
    intent: undefined,
  });
}

function accepted(record: AgreementRecord): Transition {
  return { record, outcome: { kind: 'accepted' } };
}

function refused(record: AgreementRecord, reason: Refusal): Transition {
  return { record, outcome: { kind: 'refused', reason } };
}
