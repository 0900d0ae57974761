/**
 * The record of one event: what its VMs have promised and how far its approval has come. Exactly one exists per (scope,
 * event); the coordinator that stores it applies `applyCommand` under compare-and-set and decides nothing itself.
 *
 *   (none) ──report──▶ preparing ──intend──▶ intent ──approve──▶ approved
 *                       │    ▲  ▲               │  │                  │
 *              withdraw │    │  └────reopen─────┘  │                  │
 *                       ▼    │  (other VMs named)  │                  │
 *                    aborted │                     │ end              │ end
 *                       │    └─reopen─┐            │                  │
 *                       │ (id is back)│            │                  │
 *                       └────end───▶ ended ◀───────┴──────────────────┘
 *
 * `preparing` ends as well: NotBefore has passed, or the event was taken back.
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
  /** `sinceMs` is when its holder got it: the renewals since have not changed it. Records of older versions lack it. */
  readonly lease:
    | { readonly holder: string; readonly expiresAtMs: number; readonly sinceMs?: number | undefined }
    | undefined;
  /** Number of the newest lease. Writes of the leader carry it; an older one is refused. Never decreases. */
  readonly term: number;
  readonly members: Readonly<Record<string, MemberEntry>>;
  /**
   * When the platform goes ahead by itself, epoch milliseconds, as the newest report has it; undefined when none told it. For
   * people only: no rule looks at it, and it is no part of what is agreed on.
   */
  readonly notBeforeMs?: number | undefined;
  /** An operator's word that the event is to go ahead as it stands; counts only while `hash` is the record's. */
  readonly forced?: ForcedApproval | undefined;
}

/**
 * An operator who knows better than the promises. It lets the VMs approve what some of them have not promised for, exactly as
 * it was when the operator said so: another set of VMs or another type of event needs another word.
 */
export interface ForcedApproval {
  readonly hash: string;
  /** Who, as far as the scheduler was told. */
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
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
  /** Kept for the VM itself, as it was when it wrote this. */
  readonly incarnation?: number | undefined;
}

/**
 * How long a lease lasts, how soon its holder renews it, and how often the others ask. Renewal is made by the loop that
 * does the leader's work, so a leader that hangs loses its lease. Source: the proportions that Kubernetes' leader election
 * requires (lease > renewal deadline > retry × jitter), shortened because a Preempt leaves 30 s in all.
 */
export const LEASE_MS = 10_000;
export const LEASE_RENEW_MS = 6000;
export const LEASE_RETRY_MS = 1500;
/** A candidate that was refused asks again after up to so many times the retry, each after another pause. */
export const LEASE_JITTER = 1.2;

/** Why the event may not be approved yet; empty when it may. */
export type Awaited =
  | { readonly kind: 'unknown'; readonly name: string }
  | { readonly kind: 'not-prepared'; readonly name: string; readonly promise: PromiseState }
  | { readonly kind: 'dissent'; readonly name: string };

/**
 * Rule 1: every VM named now must have prepared or consented under this very hash, and no VM at all may report another
 * hash. A VM that never reported is never assumed drained, unless the operator listed it as having no agent (`unmanaged`,
 * canonical names). Of an event that an operator has forced, as it stands now, nobody is awaited.
 */
export function awaitedBy(record: AgreementRecord, unmanaged: ReadonlySet<string>): readonly Awaited[] {
  if (isForced(record)) return [];
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

/** Has an operator let the event go ahead, exactly as it stands now? */
export function isForced(record: Pick<AgreementRecord, 'forced' | 'hash'>): boolean {
  return record.forced !== undefined && record.forced.hash === record.hash;
}
