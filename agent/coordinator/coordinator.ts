import type { AgreementCommand, Outcome } from '../../common/agreement/command.ts';
import type { AgreementRecord } from '../../common/agreement/record.ts';
import type { Activity, AgentHealth, SchedulerMessage, VmIdentity } from '../../common/protocol/messages.ts';

/**
 * Whoever keeps the records of agreements. It stores them under compare-and-set and decides nothing.
 * Undefined means: no answer, so that nobody knows whether it was applied.
 */
export interface Agreements {
  /** Connects now and again whenever that is lost, until `close`; the `AgreementEvents` it was made with hear of it. */
  open(): void;
  close(): void;
  submit(command: AgreementCommand): Promise<Answer | undefined>;
  /** Every record that holds an entry of this VM or names it. */
  reconcile(): Promise<readonly AgreementRecord[] | undefined>;
}

/** What a coordinator says without being asked. */
export interface AgreementEvents {
  connected(): void;
  disconnected(reason: string): void;
  /** A record that this VM has a part in has changed. */
  record(record: AgreementRecord): void;
}

/** What the agent's shell needs of whoever coordinates. */
export interface Coordinator extends Pick<Agreements, 'submit' | 'reconcile'> {
  /** Does its role keep `minimum` others in service if this VM leaves now? */
  mayLeave(minimum: number): Promise<{ readonly granted: boolean; readonly detail: string } | undefined>;
  /** For the fleet's timeline and in answer to orders. Kept for later while there is no connection, the newest of them. */
  tell(message: Told): void;
}

export interface Answer {
  readonly outcome: Outcome;
  readonly record: AgreementRecord | undefined;
}

export type Told =
  | { readonly kind: 'activity'; readonly activity: Activity }
  | {
      readonly kind: 'drained';
      readonly workId: string;
      readonly attempt: number;
      readonly proven: boolean;
      readonly detail: string;
    }
  | {
      readonly kind: 'taskDone';
      readonly workId: string;
      readonly attempt: number;
      readonly ok: boolean;
      readonly exitStatus: number | null;
      readonly output: string;
      readonly detail: string;
    }
  | {
      readonly kind: 'restored';
      readonly workId: string;
      readonly attempt: number;
      readonly healthy: boolean;
      readonly detail: string;
    };

/** What a scheduler says and asks besides. */
export interface CoordinatorEvents extends AgreementEvents {
  order(message: Extract<SchedulerMessage, { kind: 'drain' | 'task' | 'restore' }>): void;
  /** Asked for with every heartbeat. */
  health(): AgentHealth;
}

/** Who connects. */
export interface CoordinatorIdentity {
  readonly identity: VmIdentity;
  readonly agentVersion: string;
}
