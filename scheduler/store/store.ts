import type { AgreementRecord } from '../../common/agreement/record.ts';
import type { Inventory, VmIdentity } from '../../common/protocol/messages.ts';
import type { CollectionRef, Execution, Job, JobCollection, JobRef } from '../jobs/job.ts';
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
  close(): Promise<void>;
}

export interface JobStore {
  /**
   * Creates, replaces or (when `change` returns undefined) leaves a collection. Resolves with what is stored afterwards; what
   * `change` throws passes through and nothing is written.
   */
  changeCollection(
    ref: CollectionRef,
    change: (current: JobCollection | undefined) => JobCollection | undefined,
  ): Promise<JobCollection | undefined>;
  findCollection(ref: CollectionRef): Promise<JobCollection | undefined>;
  /** In ordinal order of name; of the whole subscription without a resource group. */
  listCollections(of: { subscription: string; resourceGroup?: string }): Promise<readonly JobCollection[]>;
  /** With all its jobs and their history. False when there was none. */
  deleteCollection(ref: CollectionRef): Promise<boolean>;
  /**
   * Creates, replaces or (when `change` returns undefined) leaves a job. `siblings` is how many other jobs the collection
   * has. What `change` throws passes through and nothing is written. Precondition: the collection exists.
   */
  changeJob(
    ref: JobRef,
    change: (current: Job | undefined, siblings: number) => Job | undefined,
  ): Promise<Job | undefined>;
  findJob(ref: JobRef): Promise<Job | undefined>;
  /** In ordinal order of name, as the real service lists them. */
  listJobs(ref: CollectionRef): Promise<readonly Job[]>;
  /** With its history. False when there was none. */
  deleteJob(ref: JobRef): Promise<boolean>;
}

/** An execution that this process may perform, with the job it belongs to. */
export interface Claim {
  readonly job: Job;
  readonly execution: Execution;
}

export interface ExecutionStore {
  /**
   * Claims up to `limit` of what is due at `now`: first pending executions, then jobs of enabled collections, each with
   * `plan`, earliest first. A claim belongs to exactly one caller, also with several processes on one store.
   */
  claimDue(now: number, limit: number, plan: (job: Job) => Claim): Promise<readonly Claim[]>;
  /** When the next thing will be due, or undefined when nothing ever will. */
  earliestDue(): Promise<number | undefined>;
  /** Adds a pending execution. */
  add(execution: Execution): Promise<void>;
  /**
   * Takes over, with `attempt` raised, the executions whose owner is gone. An embedded store has one owner at a time, so
   * right after it was opened that is every execution still running.
   */
  takeOver(): Promise<readonly Claim[]>;
  /**
   * Ends an execution, adds its retry if there is one, and lets `settle` change its job. False, and nothing is changed, when
   * a later attempt has taken over or the job is gone.
   */
  finish(ended: Execution, retry: Execution | undefined, settle: (job: Job) => Job): Promise<boolean>;
  /** The ended executions of a job, newest start first. */
  history(jobId: string, page: HistoryPage): Promise<readonly HistoryEntry[]>;
  /** Forgets executions that ended before `beforeMs`, and of each job all but the newest `keep`. */
  prune(beforeMs: number, keep: number): Promise<void>;
}

export interface HistoryPage {
  readonly top: number;
  readonly skip: number;
  readonly status: 'completed' | 'failed' | undefined;
}

export interface HistoryEntry {
  readonly execution: Execution;
  /** Rises with every execution; never reused. */
  readonly number: number;
}

export interface AgreementStore {
  read(scope: string, eventId: string): Promise<VersionedRecord | undefined>;
  /**
   * Compare-and-set: writes only if the stored version is `expectedVersion` (0: none is stored). False when somebody else
   * wrote first; nothing is changed then.
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
  /** Creates or replaces by id. */
  put(rollout: RolloutState): Promise<void>;
  find(id: string): Promise<RolloutState | undefined>;
  /** Newest start first. */
  list(limit: number): Promise<readonly RolloutState[]>;
}
