/** How the metadata service of a fleet behaves where Azure differs by region, by load or by time. */
export interface MetadataSettings {
  /**
   * Requests that one VM may send per second before it is answered 429; 0 = as many as it likes. Undefined: 5, as Azure allows
   * (Instance Metadata Service, "Rate limiting"), and no limit under a clock that was passed in, because a rate is meaningless
   * where time stands still between steps.
   */
  readonly requestsPerSecond: number | undefined;
  /** The same for `/metadata/identity`. Undefined: 20, as Azure allows, and no limit where the others have none. */
  readonly tokensPerSecond: number | undefined;
  /** Requests to `/metadata/identity` that one VM may have waiting at once; 0 = as many as it likes. */
  readonly concurrentTokens: number;
  /** The first request of a scope for events is answered only after this, milliseconds. Azure: up to two minutes. */
  readonly firstCallDelayMs: number;
  /** api-versions that this region does not know yet: answered like ones that do not exist. */
  readonly refuseVersions: readonly string[];
  /** Names of the user-assigned identities that every VM of the fleet has besides its own. */
  readonly identities: readonly string[];
}

/** Azure's limit for everything but tokens. */
export const AZURE_REQUESTS_PER_SECOND = 5;
/** Azure's limit for `/metadata/identity`. */
export const AZURE_TOKENS_PER_SECOND = 20;
/** Azure's limit for requests to it at the same time. */
export const AZURE_CONCURRENT_TOKENS = 5;
