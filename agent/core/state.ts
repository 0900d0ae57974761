import type { AgreementRecord } from '../../common/agreement/record.ts';
import type { EventDocument } from './event-document.ts';
import type { HookPhase } from './hook-phase.ts';
import type { Shares } from './budget.ts';
import type { Decision, PolicySettings, PolicySubject } from './policy.ts';

/**
 * All that the agent's decisions rest on, as plain data. `decide` (decide.ts) is the only one to make a new state of an old
 * one. Times ending in `Ms` are monotonic unless they say wall.
 */
export interface AgentState {
  settings: CoreSettings;
  /** This VM's resource name in canonical form. */
  readonly ownName: string;
  /** Raised with every change of what must survive a crash. */
  revision: number;
  /** What is known to be on disk. Whatever rests on a promise waits until its revision is. */
  persistedRevision: number;
  /** When to ask again for a write that failed; infinite when none did. */
  persistRetryAtMs: number;
  /** Number of the newest write of this VM to any record. Never reused, so that an overtaken message can be told. */
  number: number;
  /** Highest incarnation seen; a lower one means that the service was disabled and starts again. */
  incarnation: number | undefined;
  /** Since when documents have had a lower incarnation than `incarnation`. */
  lowIncarnationSinceMs: number | undefined;
  document: EventDocument | undefined;
  lastPoll: { readonly atMs: number; readonly ok: boolean; readonly reason: string } | undefined;
  boot: BootState;
  coordinator: CoordinatorState;
  rotation: Rotation;
  events: Record<string, EventEntry>;
  maintenance: Record<string, MaintenanceEntry>;
  /** Restores that the scheduler asked for and that are answered once the VM is back in rotation. */
  pendingRestores: readonly { readonly workId: string; readonly attempt: number }[];
  /** Source of ids for commands and of tokens for reads and approvals: an answer to an older question is told by it. */
  nextId: number;
}

/** What an operator chose, as far as decisions depend on it. */
export interface CoreSettings {
  /** Who this VM is. The name is the resource name; it is compared in canonical form. */
  readonly identity: { readonly scope: string; readonly name: string; readonly vmId: string };
  readonly hasCoordinator: boolean;
  /** How long an event must be absent from successful polls before it has ended (coordination rule 5). */
  readonly absentForMs: number;
  /** From the closing of the gate until the slowest balancer sends nothing new. */
  readonly detectionMs: number;
  /** A drain that is not proven after this long counts as failed, and is tried again. */
  readonly drainTimeoutMs: number;
  readonly policy: PolicySettings;
}

/** Replaced as a whole; so is what is known of the coordinator. */
export interface BootState {
  readonly atMs: number;
  /** Only the agent was restarted, with the VM in rotation: it goes on there, and leaves for a reason like any other VM. */
  readonly isContinued: boolean;
  /** What this VM has promised is on its disk; without a journal it may have promised anything. */
  readonly hasJournal: boolean;
  /** How long the documents since boot have named no event of this VM. */
  readonly absence: EventEntry['absence'];
  /** The metadata service has told which events name this VM. */
  readonly hasPolled: boolean;
  /** The coordinator's copy of this VM's promises has been read (or there is no coordinator). */
  readonly hasReconciled: boolean;
  /** First of an unbroken run of successful polls that named no event of this VM; stands in for a silent coordinator. */
  readonly quietSinceMs: number | undefined;
  /** Opened without having reconciled, because nothing could be reached: said once, loudly. */
  readonly isOpenedBlindly: boolean;
}

export interface CoordinatorState {
  readonly isConnected: boolean;
  /** This connection's `reconcile` was answered; commands are sent only after that, with numbers that continue from it. */
  readonly isReady: boolean;
  readonly reconcile: { readonly id: number; readonly atMs: number } | undefined;
  /** Commands without an answer yet, oldest first. */
  readonly outstanding: readonly {
    readonly id: number;
    readonly key: string;
    readonly kind: string;
    readonly atMs: number;
    readonly number: number;
  }[];
}

/** Whether balancers send traffic to this VM: one state for the whole VM, however many reasons there are to be out. */
export interface Rotation {
  state: 'turning-away' | 'out' | 'restoring' | 'in';
  /** When every balancer had accepted that the VM is back. */
  inSinceMs: number;
  /** When every balancer had accepted that the VM is out. */
  outSinceMs: number;
  startAtMs: number | undefined;
  /** Starting and restoring never overlap, so that an answer to one cannot be taken for an answer to the other. */
  isStarting: boolean;
  isRestoring: boolean;
  /** Token of the read that is under way. */
  readToken: number | undefined;
  /** When it was asked for (monotonic), and how long the one before it took. */
  readAtMs: number;
  readTookMs: number | undefined;
  retryAtMs: number;
  /** What a balancer complained of last, so that it is said once. */
  trouble: string;
}

/** The way of one reason to be out (an event or a maintenance) from the first sight to a proven drain. */
export interface Preparation {
  step: 'turn-away' | 'prepare-hook' | 'settle' | 'prove' | 'ready-hook' | 'reread' | 'proven' | 'retry';
  startedAtMs: number;
  attempt: number;
  retryAtMs: number;
  /** Consecutive reads that found no traffic left, of those begun since this step was entered. */
  clearReads: number;
  /** Reads with a lower token were begun before this step was. */
  sinceToken: number;
  /** What the last read or hook said, for people. */
  detail: string;
}

/** What one VM has bound itself to for one event; this part is durable. */
export interface EventPromise {
  eventId: string;
  eventType: string;
  resources: readonly string[];
  hash: string;
  /**
   * none: the event started without notice, so that there was nothing to promise; the VM is out all the same · withdrawn: its
   * operator keeps it in service, and nobody will approve.
   */
  promise: 'none' | 'binding' | 'prepared' | 'consented' | 'withdrawn' | 'released';
  /** Others may rest on a `prepared` of this VM: given, and not known to have been taken back in time. */
  offered: boolean;
  /** The drain or a hook failed, and the operator's policy is to agree all the same. */
  deadlineReached: boolean;
  /** Back in rotation after the impact, before the event was gone, by the operator's policy. */
  resumed: boolean;
  /** Epoch milliseconds at which this VM saw the event first. */
  seenAtMs: number;
  /** Number of the newest write about it. */
  number: number;
  /** This VM alone was named, and it means to approve: counts as an intent for ever (rule 8). */
  localIntent: boolean;
  /** The platform took the approval that this VM sent. */
  posted: boolean;
  /** This VM's approval or another's is known. */
  approved: boolean;
  started: boolean;
  /** Epoch milliseconds. */
  notBeforeMs: number | undefined;
  description: string;
  source: string;
  durationSeconds: number;
  /** Hooks that have run to their end, whatever it was; gating ones run again until the promise is given. */
  hooks: readonly HookPhase[];
}

/** Whether an event takes this VM out of rotation, and when; plan.ts says how it changes. */
export interface Plan {
  decision: Decision;
  /** What the policy was asked about: it is asked again when the document says otherwise. */
  decidedFor: PolicySubject;
  stance: 'serving' | 'out' | 'stepping-back';
  /** Why it serves although the event names it; for people. */
  reason: string;
  outSinceMs: number;
  /** NotBefore on this process's own clock, so that a wall clock that is set back cannot make it late; undefined: not told. */
  endsAtMs: number | undefined;
  endsFor: number | undefined;
  shares: Shares | undefined;
  /** It was out for long without an approval in sight: from now on only late. */
  hasGivenUp: boolean;
  /** The coordinator could lose it when a promise is taken back: what was promised holds to the end of the event. */
  isBound: boolean;
  /** The question to the scheduler whether the role can do without this VM. */
  leave: { readonly id: number | undefined; readonly retryAtMs: number; readonly isGranted: boolean };
  /** When this process learnt that the event has started. */
  startedAtMs: number | undefined;
  /** This process began after the event was approved or had started: for a reboot, that it is over. */
  readonly isAfterRestart: boolean;
}

export interface EventEntry {
  promise: EventPromise;
  /** Revision that must be on disk before anything may rest on the promise. */
  revision: number;
  /** In the newest document that was read. */
  isPresent: boolean;
  status: string;
  absence: { readonly creditedMs: number; readonly polls: number; readonly lastAtMs: number } | undefined;
  preparation: Preparation;
  plan: Plan;
  /** An operator wants this VM to stay in service; with an answer due, or (a policy) without. */
  withdrawal:
    | { readonly isAnswered: boolean; readonly number: number | undefined; readonly retryAtMs: number }
    | undefined;
  preparedAtMs: number;
  releasedAtMs: number;
  record: AgreementRecord | undefined;
  /** When the lease in `record` was last seen to change. */
  leaseSeenAtMs: number;
  /** Newest number that the coordinator has accepted. */
  reportedNumber: number;
  reportRetryAtMs: number;
  lead: Lead;
  approval: Approval;
  runningHooks: readonly HookPhase[];
  restoreAttempts: number;
}

/** What this VM knows of its own lease. */
export interface Lead {
  readonly term: number | undefined;
  readonly renewedAtMs: number;
  readonly retryAtMs: number;
}

/** How far this VM has come in approving an event. */
export type Approval =
  | { readonly step: 'idle'; readonly retryAtMs: number }
  | { readonly step: 'read'; readonly token: number; readonly hash: string; readonly term: number | undefined }
  | {
      readonly step: 'intend';
      readonly id: number;
      readonly hash: string;
      readonly term: number;
      readonly readAtMs: number;
    }
  | { readonly step: 'post'; readonly token: number }
  | { readonly step: 'compare'; readonly token: number; readonly agreed: readonly string[] };

/** A drain that the scheduler asked for; durable but for `preparation`. */
export interface MaintenanceEntry {
  workId: string;
  attempt: number;
  reason: string;
  /** Epoch milliseconds: a scheduler that died must not keep the VM out for ever. */
  untilWallMs: number;
  /** How long it was to last when it was ordered: a clock that is set back must not make it longer. */
  lengthMs: number;
  /** The same moment on this process's own clock, which nobody sets. */
  untilMs: number;
  isReleased: boolean;
  hooks: readonly HookPhase[];
  preparation: Preparation;
  hasReplied: boolean;
  runningHooks: readonly HookPhase[];
  restoreAttempts: number;
}

/** What the journal keeps: enough to come back from a crash at any moment without having forgotten a promise. */
export interface DurableState {
  /**
   * Written by a VM that had no journal, before it had learnt what it may have promised: at the next boot that is still to be
   * learnt.
   */
  readonly isPartial?: boolean | undefined;
  readonly number: number;
  readonly incarnation: number | undefined;
  readonly events: readonly EventPromise[];
  readonly maintenance: readonly DurableMaintenance[];
}

export type DurableMaintenance = Pick<
  MaintenanceEntry,
  'workId' | 'attempt' | 'reason' | 'untilWallMs' | 'lengthMs' | 'isReleased' | 'hooks'
>;

/** Both times of one moment: monotonic to measure with, wall clock to compare with what other machines say. */
export interface Instant {
  readonly wallMs: number;
  readonly monotonicMs: number;
}
