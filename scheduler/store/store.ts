import type { AgreementRecord } from '../../common/agreement/record.ts';
import type { Inventory, VmIdentity } from '../../common/protocol/messages.ts';
import type { Clock } from '../../common/runtime/clock.ts';
import type { AccessStore } from '../access/access-store.ts';
import type { GrantStore } from '../coordination/leaving.ts';
import type { EnrolmentStore } from '../enrolment/enrolment-store.ts';
import type { JobState } from '../jobs/definition.ts';
import type { CollectionRef, Execution, Job, JobCollection, JobRef, Settlement } from '../jobs/job.ts';
import type { PlanCounts } from '../jobs/plans.ts';
import type { FleetStore, Order } from '../replicas/fleet-store.ts';
import type { RolloutState } from '../rollout.ts';

/**
 * Where the scheduler keeps what must survive it. Every promise here holds for every adapter, and the contract suite checks it:
 *
 * - A write is durable once its promise resolves: it survives kill -9 and power loss.
 * - Each method is one transaction: all of it happened or none.
 * - Callbacks (`change`, `plan`, …) run inside that transaction, so they are pure and quick; a replicated adapter may call
 *   them again when it has to repeat the transaction.
 * - Names are found in any case and given back as first written.
 */
export interface Store {
  readonly jobs: JobStore;
  readonly executions: ExecutionStore;
  readonly agreements: AgreementStore;
  readonly vms: VmStore;
  readonly rollouts: RolloutStore;
  readonly replicas: ReplicaStore;
  readonly fleet: FleetStore;
  readonly grants: GrantStore;
  /** Whether several schedulers may have it open. Who is alone need not say that it lives. */
  readonly isShared: boolean;
  readonly enrolment: EnrolmentStore;
  readonly secrets: SecretStore;
  readonly access: AccessStore;
  /**
   * The clock by which what is stored is judged. Replicas on one database all have its time, not their machines': it is read
   * from the database within a transaction, and elsewhere followed to within a round trip.
   */
  readonly clock: Clock;
  /** What is not over, of all replicas. */
  backlog(): Promise<Backlog>;
  /** Calls back when another replica has changed something; never for this one's own changes. Returns what ends that. */
  subscribe(listener: (news: StoreNews) => void): () => void;
  close(): Promise<void>;
}

/** How much there is to be done. */
export interface Backlog {
  /** Jobs of enabled collections whose time has come. */
  readonly jobsDue: number;
  /** Executions whose time is still to come (retries), has come, or comes when the one before is over. */
  readonly waiting: number;
  readonly due: number;
  readonly queued: number;
  /** Claimed by somebody. */
  readonly running: number;
}

export type StoreNews =
  /** Something may be due earlier than this replica knows; also after a time in which news may have been missed. */
  | { readonly kind: 'due' }
  /** These executions are over by another's hand; whoever performs one of them stops. */
  | { readonly kind: 'cancelled'; readonly ids: readonly string[] }
  /** The record of this event was written. */
  | { readonly kind: 'agreement'; readonly scope: string; readonly eventId: string }
  /** Where the agents of these VMs are connected, or how they are, has changed. */
  | { readonly kind: 'vms'; readonly keys: readonly string[] }
  /** There is mail for the replica `to`, which is the only one that is told. */
  | { readonly kind: 'mail'; readonly to: string }
  /** News of any kind may have been missed until now. */
  | { readonly kind: 'missed' };

/** What a change of a collection is judged by. */
export interface BesideCollection {
  /** The other collections of its subscription. */
  readonly counts: PlanCounts;
  /** Its own jobs. */
  readonly jobs: readonly Job[];
}

/**
 * Judges a change of a collection inside its transaction. What it asks for is read only then: most changes touch neither the
 * plan nor the quota, and jobs and collections may be many.
 */
export interface CollectionJudge {
  /** Whether `counts` are needed; they are zero otherwise. */
  asksForCounts(current: JobCollection | undefined, wanted: JobCollection): boolean;
  /** Whether `jobs` are needed; there are none otherwise. */
  asksForJobs(current: JobCollection | undefined, wanted: JobCollection): boolean;
  /** Throws when it may not become so; that passes through and nothing is written. */
  judge(current: JobCollection | undefined, wanted: JobCollection, beside: BesideCollection): void;
}

export interface JobStore {
  /**
   * Creates, replaces or (when `change` returns undefined) leaves a collection. Resolves with what is stored afterwards; what
   * `change` throws passes through and nothing is written.
   */
  changeCollection(
    ref: CollectionRef,
    change: (current: JobCollection | undefined) => JobCollection | undefined,
    judge?: CollectionJudge,
  ): Promise<JobCollection | undefined>;
  /** How many collections a subscription has of each plan. */
  countPlans(subscription: string): Promise<PlanCounts>;
  /** Deletes jobs that are completed or faulted and ran last, or were last to run, before `beforeMs`; with their history. */
  prune(beforeMs: number): Promise<void>;
  findCollection(ref: CollectionRef): Promise<JobCollection | undefined>;
  /** In ordinal order of name; of the whole subscription without a resource group. */
  listCollections(of: { subscription: string; resourceGroup?: string }): Promise<readonly JobCollection[]>;
  /** With all its jobs and their history. False when there was none. */
  deleteCollection(ref: CollectionRef): Promise<boolean>;
  /**
   * Creates, replaces or (when `change` returns undefined) leaves a job. `siblings` is how many jobs the collection has where
   * this one is new, and 0 otherwise: it is for who counts before adding. `collection` is as it is at that moment, or
   * undefined: then `change` has to throw, for a job is always in one. What it throws passes through and nothing is written.
   */
  changeJob(
    ref: JobRef,
    change: (current: Job | undefined, siblings: number, collection: JobCollection | undefined) => Job | undefined,
  ): Promise<Job | undefined>;
  findJob(ref: JobRef): Promise<Job | undefined>;
  /** In ordinal order of name, as the real service lists them; all of them without a page. */
  listJobs(ref: CollectionRef, page?: JobPage): Promise<readonly Job[]>;
  /** With its history. False when there was none. */
  deleteJob(ref: JobRef): Promise<boolean>;
}

export interface JobPage {
  readonly top: number;
  readonly skip: number;
  readonly state: JobState | undefined;
}

/** Secrets of jobs are sealed where they are kept; these are the keys that it takes. */
export interface SecretStore {
  /** Names of the keys that something is sealed with. */
  keyIds(): Promise<readonly string[]>;
  /** Seals everything with the newest key that is not. Resolves with the number of jobs. Throws a `SealError`. */
  reseal(): Promise<number>;
}

/** An execution that this process may perform, with the job it belongs to. */
export interface Claim {
  readonly job: Job;
  readonly execution: Execution;
}

export interface JobPlan {
  readonly job: Job;
  readonly executions: readonly Execution[];
  /** Ids of executions under way that are to be ended. */
  readonly cancelled: readonly string[];
}

/** Decides what becomes of what is due. Pure and quick: it runs inside the transaction that claims. */
export interface ClaimPlan {
  /** Whether `occurrences` needs to know what of this job is under way; it is read only then. */
  asksForUnfinished(job: Job): boolean;
  /**
   * For a job that is due by its calendar, or will be within `ahead`: the job as it goes on, and the executions to add.
   * Undefined: not before its time, for what becomes of it depends on how things are then.
   */
  occurrences(job: Job, at: { readonly nowMs: number; readonly unfinished: readonly Execution[] }): JobPlan | undefined;
  /** For a pending execution whose time has come: running, or postponed. */
  pending(job: Job, execution: Execution, nowMs: number): { readonly job: Job; readonly execution: Execution };
}

export interface ClaimRequest {
  /** How many jobs and pending executions at most. */
  readonly limit: number;
  readonly plan: ClaimPlan;
  /** Jobs that will be due within so many milliseconds are claimed too; whoever has claimed them waits for their time. */
  readonly aheadMs?: number;
  /** Canonical regions whose collections are left to other replicas. */
  readonly regionsOfOthers: readonly string[];
}

export interface Claimed {
  readonly claims: readonly Claim[];
  /** Ids of executions that were ended to make room. */
  readonly cancelled: readonly string[];
  /** The time by which it was judged what is due. */
  readonly nowMs: number;
  /** When the next thing will be due (not after `nowMs`: there is more now), or undefined when nothing ever will. */
  readonly nextDueMs: number | undefined;
}

export interface ExecutionStore {
  /**
   * Claims what is due: first pending executions, then jobs of enabled collections, earliest first. A claim belongs to exactly
   * one caller, also with several processes on one store, until that caller ends it, hands it back or is gone.
   */
  claimDue(request: ClaimRequest): Promise<Claimed>;
  /** When the next thing will be due in regions that are not left to others, or undefined when nothing ever will. */
  earliestDue(regionsOfOthers: readonly string[]): Promise<number | undefined>;
  /** Adds a pending execution. */
  add(execution: Execution): Promise<void>;
  /**
   * Makes pending again, with `attempt` raised, what this opening of the store has claimed but is not performing. Needed when
   * it is not known whether a claim was committed. Resolves with how many those were.
   */
  handBack(performed: ReadonlySet<string>): Promise<number>;
  /**
   * Ends an execution, adds what follows it, and adds `settlement` to its job. Refused, and nothing is changed, when a later
   * attempt is the valid one, it is over already, or the job is gone.
   */
  finish(ended: Execution, follow: readonly Execution[], settlement: Settlement | undefined): Promise<Finished>;
  /** The ended executions of a job, newest start first: at most the last 1000, and none that ended more than 60 days ago. */
  history(jobId: string, page: HistoryPage): Promise<readonly HistoryEntry[]>;
  /** Forgets executions that ended before `beforeMs`, and of each job all but the newest `keep`. */
  prune(beforeMs: number, keep: number): Promise<void>;
}

/** `released`: it is ended, and an occurrence of its job that waited for that may be due now. */
export type Finished = 'refused' | 'ended' | 'released';

export interface HistoryPage {
  readonly top: number;
  readonly skip: number;
  readonly status: 'completed' | 'failed' | 'postponed' | undefined;
}

export interface HistoryEntry {
  readonly execution: Execution;
  /** Rises with every execution; never reused. */
  readonly number: number;
}

/** A scheduler that serves from this store. */
export interface Replica {
  readonly name: string;
  /** Canonical; undefined: it serves every region that has no replica. */
  readonly region: string | undefined;
}

export interface Heartbeat {
  /** False: this replica was new, or had been taken for dead; then nothing it had claimed is its own any more. */
  readonly wasKnown: boolean;
  /** Executions of dead replicas that are pending again. */
  readonly takenOver: number;
  /** Every replica that lives, this one among them. */
  readonly live: readonly (Replica & { readonly startedAtMs: number })[];
  /** Name of the one that claims fleet jobs. */
  readonly fleetHome: string;
}

export interface ReplicaStore {
  /**
   * Says that this replica lives for another `leaseMs`, and makes pending again, with `attempt` raised, what those have
   * claimed that no longer do. By the store's clock.
   */
  beat(replica: Replica, leaseMs: number): Promise<Heartbeat>;
  /** This replica ends: what it has claimed is at once pending again. */
  leave(): Promise<void>;
}

export interface AgreementStore {
  /**
   * Whether an accepted withdrawal can be relied upon. With asynchronous replication it cannot: a fail-over could forget it,
   * or the intent that forbids it.
   */
  readonly mayWithdraw: boolean;
  read(scope: string, eventId: string): Promise<VersionedRecord | undefined>;
  /**
   * Compare-and-set: writes only if the stored version is `expectedVersion` (0: none is stored) and its term is not above the
   * record's. False when somebody else wrote first; nothing is changed then.
   */
  write(record: AgreementRecord, expectedVersion: number, now: number): Promise<boolean>;
  /** Newest change first, at most `limit`; of every scope without one. */
  list(limit: number, scope?: string): Promise<readonly StoredRecord[]>;
  /** Forgets records that ended, or were aborted, and have not changed since `beforeMs`. */
  prune(beforeMs: number): Promise<void>;
}

export interface VersionedRecord {
  readonly record: AgreementRecord;
  readonly version: number;
}

export interface StoredRecord extends VersionedRecord {
  readonly updatedAtMs: number;
}

/** A VM whose agent has spoken to this scheduler. */
export interface KnownVm {
  readonly identity: VmIdentity;
  readonly agentVersion: string;
  readonly inventory: Inventory | undefined;
  readonly firstSeenAtMs: number;
  readonly lastSeenAtMs: number;
}

export interface VmStore {
  /** Creates or replaces by (scope, canonical name); `firstSeenAtMs` and a known inventory are kept. */
  put(vm: KnownVm): Promise<void>;
  /** By scope, then name. */
  list(): Promise<readonly KnownVm[]>;
}

export interface RolloutStore {
  /**
   * Creates or replaces by id, and leaves the orders that follow from it for the replicas that they are meant for, if this
   * replica lives and the execution is its own under the rollout's attempt. False, and nothing is changed, when not: so one
   * that was taken for dead takes no step any more, whatever it believes.
   */
  put(rollout: RolloutState, orders?: readonly { readonly to: string; readonly order: Order }[]): Promise<boolean>;
  /** The rollouts that are not over, and whose execution is not either, whoever performs them. */
  underWay(): Promise<readonly RolloutState[]>;
  find(id: string): Promise<RolloutState | undefined>;
  /** Newest start first. */
  list(limit: number): Promise<readonly RolloutState[]>;
}
