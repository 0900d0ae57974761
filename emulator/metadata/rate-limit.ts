/** What is left of a client's allowance. */
export interface Bucket {
  readonly tokens: number;
  /** When `tokens` was right, monotonic milliseconds. */
  readonly atMs: number;
}

/**
 * Takes one request out of a bucket that holds one second's worth and fills evenly: undefined when there is none left. A
 * bucket rather than whole seconds, so that five requests at once are fine and the sixth has to wait 200 ms.
 */
export function takeOne(bucket: Bucket | undefined, perSecond: number, nowMs: number): Bucket | undefined {
  const tokens =
    bucket === undefined
      ? perSecond
      : Math.min(perSecond, bucket.tokens + (Math.max(0, nowMs - bucket.atMs) * perSecond) / 1000);
  return tokens < 1 ? undefined : { tokens: tokens - 1, atMs: nowMs };
}
