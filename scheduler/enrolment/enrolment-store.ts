import type { AgentKey, EnrolmentToken } from './admission.ts';

/** What a decision about one VM's key wants stored. */
export interface KeyChange {
  readonly key: AgentKey;
  /** The token that it was made with is used up at this time. */
  readonly usesTokenAtMs?: number;
}

/** Keeps keys of agents and one-time tokens, the latter by their hashes only. */
export interface EnrolmentStore {
  /**
   * Lets `decide` see the VM's key and the token with this hash, and stores what it wants, in one transaction: of two VMs that
   * show one token at the same moment one gets in. `decide` is pure; it may be called again.
   */
  change(
    scope: string,
    name: string,
    tokenHash: string | undefined,
    decide: (known: AgentKey | undefined, token: EnrolmentToken | undefined) => KeyChange | undefined,
  ): Promise<void>;
  /** Also forgets tokens that expired before now. */
  addToken(hash: string, token: EnrolmentToken, now: number): Promise<void>;
  /** Every key, revoked ones too, by scope and name. */
  keys(): Promise<readonly AgentKey[]>;
  /** The keys that were made, replaced or revoked at `sinceMs` or later. */
  changedSince(sinceMs: number): Promise<readonly AgentKey[]>;
}
