import type { AgentHealth, SchedulerMessage } from '../../common/protocol/messages.ts';
import type { RolloutReport } from '../rollout.ts';
import type { KnownVm } from '../store/store.ts';

/** What is said of a VM whose agent is connected. */
export interface Presence {
  /** Differs for every connection of every replica. */
  readonly connection: string;
  readonly connectedAtMs: number;
  readonly health: AgentHealth;
  /** When the agent last said so; where it only repeats itself, not every time is told. */
  readonly healthAtMs: number;
}

/** A VM whose agent is connected to this replica. */
export interface NearVm extends Presence {
  /** `vmKey` */
  readonly key: string;
  readonly vm: KnownVm;
}

/** A VM whose agent is connected to another replica that lives. */
export interface FarVm extends Presence {
  readonly key: string;
  /** Which opening of the store that replica is. */
  readonly owner: string;
}

/** What one replica asks another to say to an agent, over just this connection. */
export interface Order {
  readonly kind: 'order';
  readonly key: string;
  readonly connection: string;
  readonly message: SchedulerMessage;
}

/** What an agent has answered, on its way to whoever performs the rollout. */
export interface ForwardedReport {
  readonly kind: 'report';
  readonly report: RolloutReport;
}

export interface Mail {
  readonly number: number;
  /** Undefined: this replica does not understand it; the other is of another version. */
  readonly content: Order | ForwardedReport | undefined;
}

/**
 * What replicas let each other know about the VMs and rollouts of the fleet. It goes through the store, so it takes no
 * address, no certificate and no trust that they do not have in each other already. The adapter tells those concerned
 * (`StoreNews`); whoever may have missed that looks from time to time.
 */
export interface FleetStore {
  /**
   * Says who is connected to this replica and how they are, and which connections are over. The newest connection of a VM
   * counts, whoever tells of it last.
   */
  announce(
    here: readonly NearVm[],
    gone: readonly { readonly key: string; readonly connection: string }[],
  ): Promise<void>;
  /** Those of these VMs (undefined: of all) that are connected to another replica whose lease has not run out. */
  elsewhere(keys: readonly string[] | undefined): Promise<readonly FarVm[]>;
  /** Sends each to the replica that performs its rollout now; one whose rollout nobody performs is dropped. */
  forward(reports: readonly RolloutReport[]): Promise<void>;
  /** What others have for this replica, in the order in which it was sent. It stays until it is thrown away. */
  readMail(): Promise<readonly Mail[]>;
  throwAway(numbers: readonly number[]): Promise<void>;
}
