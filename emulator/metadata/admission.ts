import type { ServerResponse } from 'node:http';
import type { Clock } from '../../common/runtime/clock.ts';
import { ANSWERS, type Answer } from './answer.ts';
import { takeOne, type Bucket } from './rate-limit.ts';
import { TOO_MANY_TOKENS } from './respond-identity.ts';

/** What one VM may ask for before it is answered 429; 0 = as much as it likes. */
export interface MetadataLimits {
  readonly requestsPerSecond: number;
  /** Of `/metadata/identity`, which does not count towards the others. */
  readonly tokensPerSecond: number;
  /** Requests to `/metadata/identity` that may be waiting for their answers at once. */
  readonly concurrentTokens: number;
}

/** Says whether a request is within the VM's allowance (IMDS, "Rate limiting"): undefined, or the refusal. */
export function createAdmission(
  limits: MetadataLimits,
  clock: Clock,
): (url: string, response: ServerResponse) => Answer | undefined {
  const { requestsPerSecond, tokensPerSecond, concurrentTokens } = limits;
  const general = createRate(requestsPerSecond, clock);
  const tokens = createRate(tokensPerSecond, clock);
  let waiting = 0;
  return (url, response) => {
    if (!isForIdentity(url)) return general() ? undefined : ANSWERS.tooManyRequests;
    if (concurrentTokens > 0 && waiting >= concurrentTokens) return TOO_MANY_TOKENS;
    if (!tokens()) return TOO_MANY_TOKENS;
    waiting++;
    // Also when the client hangs up, and when a fault never answers and the connection ends at last.
    response.once('close', () => {
      waiting--;
    });
    return undefined;
  };
}

function createRate(perSecond: number, clock: Clock): () => boolean {
  if (perSecond === 0) return () => true;
  let bucket: Bucket | undefined;
  return () => {
    const next = takeOne(bucket, perSecond, clock.monotonic());
    bucket = next ?? bucket;
    return next !== undefined;
  };
}

/** The path of an ordinary target, or of one in absolute form as proxies get it. */
function isForIdentity(url: string): boolean {
  return /^(?:http:\/\/[^/]*)?\/metadata\/identity(?:[/?]|$)/i.test(url);
}
