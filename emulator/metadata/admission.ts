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

/** What one VM has used of its allowance: nothing but figures, because there may be ten thousand of them. */
export interface Allowance {
  general: Bucket | undefined;
  tokens: Bucket | undefined;
  waitingTokens: number;
}

export function freshAllowance(): Allowance {
  return { general: undefined, tokens: undefined, waitingTokens: 0 };
}

/**
 * Says whether a request is within its VM's allowance (IMDS, "Rate limiting"): undefined, or the refusal. One for all VMs of an
 * emulator.
 */
export type Admission = (allowance: Allowance, url: string, response: ServerResponse) => Answer | undefined;

export function createAdmission(limits: MetadataLimits, clock: Clock): Admission {
  const { requestsPerSecond, tokensPerSecond, concurrentTokens } = limits;
  return (allowance, url, response) => {
    if (!isForIdentity(url)) {
      if (requestsPerSecond === 0) return undefined;
      const next = takeOne(allowance.general, requestsPerSecond, clock.monotonic());
      if (next === undefined) return ANSWERS.tooManyRequests;
      allowance.general = next;
      return undefined;
    }
    if (concurrentTokens > 0 && allowance.waitingTokens >= concurrentTokens) return TOO_MANY_TOKENS;
    if (tokensPerSecond > 0) {
      const next = takeOne(allowance.tokens, tokensPerSecond, clock.monotonic());
      if (next === undefined) return TOO_MANY_TOKENS;
      allowance.tokens = next;
    }
    allowance.waitingTokens++;
    // Also when the client hangs up, and when a fault never answers and the connection ends at last.
    response.once('close', () => {
      allowance.waitingTokens--;
    });
    return undefined;
  };
}

/** The path of an ordinary target, or of one in absolute form as proxies get it. */
function isForIdentity(url: string): boolean {
  return /^(?:http:\/\/[^/]*)?\/metadata\/identity(?:[/?]|$)/i.test(url);
}
