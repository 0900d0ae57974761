import type { Readable } from 'node:stream';
import { request, type Agent } from 'undici';
import { systemClock, type Clock } from '../../common/runtime/clock.ts';
import { describeError, systemErrorCode } from '../../common/runtime/errors.ts';
import type { HttpAction } from '../jobs/definition.ts';
import type { Authentication } from './authentication/definition.ts';
import { formatMs } from '../jobs/instant.ts';
import type { Claim } from '../store/store.ts';
import type { ActionOutcome } from '../engine/ending.ts';
import { AddressRefusedError, createGuardedAgent, refuseLiteral } from './guarded-agent.ts';
import { Ramp } from './ramp.ts';
import { statusName } from './status-names.ts';

/** Not configurable (Azure Scheduler, "Limits and Defaults"): whoever works longer answers 202 at once. */
export const HTTP_TIMEOUT_MS = 60_000;

/** As much of an answer's body as the real service's history keeps: 2048 bytes of UTF-16. */
export const KEPT_BODY_CHARACTERS = 1024;
/** Enough bytes for that many characters in UTF-8, whatever they are; the rest of the answer is not read. */
const READ_BODY_BYTES = KEPT_BODY_CHARACTERS * 4;
/** A server's headers end up in the database; this bounds them as the body is. */
const KEPT_HEADER_CHARACTERS = 8192;

export interface HttpPerformer {
  /** `signal` aborts when the scheduler stops; the outcome is then undefined, and the next start tries again. */
  perform(action: HttpAction, claim: Claim, signal: AbortSignal): Promise<ActionOutcome | undefined>;
  close(): Promise<void>;
}

/**
 * Performs HTTP actions. Any 2xx is success; everything else, redirects included, is a failure: following one would send
 * the job's headers, and with them its secrets, to wherever the answer says.
 */
export function createHttpPerformer(allowPrivate: boolean, clock: Clock = systemClock): HttpPerformer {
  const agent = createGuardedAgent(allowPrivate);
  const ramp = new Ramp(clock);
  return {
    perform: async (action, claim, signal) => {
      const host = hostOf(action.request.uri);
      const origin = originOf(action.request.uri);
      await ramp.enter(origin);
      // One signal for both reasons to stop; composed ones cost as much as the request.
      const limit = new AbortController();
      const stop = (): void => {
        limit.abort(signal.reason);
      };
      signal.addEventListener('abort', stop, { once: true });
      const cancelLimit = clock.after(HTTP_TIMEOUT_MS, () => {
        limit.abort(new DOMException('The operation has timed out', 'TimeoutError'));
      });
      try {
        if (signal.aborted) return undefined;
        return await exchange({ agent, allowPrivate, action, claim, signal: limit.signal });
      } catch (error) {
        if (signal.aborted) return undefined;
        return {
          status: 'failed',
          message: `Http Action - Request to host '${host}' failed: ${describeFailure(error, host)}`,
        };
      } finally {
        cancelLimit();
        signal.removeEventListener('abort', stop);
        ramp.leave(origin);
      }
    },
    close: async () => {
      await agent.destroy();
    },
  };
}

interface Exchange {
  readonly agent: Agent;
  readonly allowPrivate: boolean;
  readonly action: HttpAction;
  readonly claim: Claim;
  readonly signal: AbortSignal;
}

async function exchange({ agent, allowPrivate, action, claim, signal }: Exchange): Promise<ActionOutcome> {
  const { uri, method, body, headers, authentication } = action.request;
  const url = new URL(uri);
  refuseLiteral(url, allowPrivate);
  const response = await request(url, {
    dispatcher: agent,
    method: method.toUpperCase(),
    headers: [
      ...Object.entries(identityHeaders(claim)),
      ...Object.entries(headers ?? {}),
      ...Object.entries(authentication === undefined ? {} : credentialHeaders(authentication)),
    ].flat(),
    body: body ?? null,
    signal,
    headersTimeout: HTTP_TIMEOUT_MS,
    bodyTimeout: HTTP_TIMEOUT_MS,
  });
  const text = await readStart(response.body);
  const lines = Object.entries(response.headers).map(([name, value]) => {
    return `${name}: ${Array.isArray(value) ? value.join(', ') : (value ?? '')}\r\n`;
  });
  const isSuccess = response.statusCode >= 200 && response.statusCode < 300;
  return {
    status: isSuccess ? 'completed' : 'failed',
    message:
      `Http Action - Response from host '${url.hostname}': '${statusName(response.statusCode)}' ` +
      `Response Headers: ${lines.join('').slice(0, KEPT_HEADER_CHARACTERS)} Body: ${text}`,
  };
}

/**
 * What the target learns of the execution. `x-ms-execution-tag` is the same for every try of one occurrence: a target that
 * remembers it does the work once. The other names are those the real service's targets check.
 */
function identityHeaders({ job, execution }: Claim): Record<string, string> {
  return {
    'x-ms-execution-tag': execution.key,
    'x-ms-client-request-id': execution.id,
    'x-ms-scheduler-jobid': job.job,
    'x-ms-scheduler-jobcollection': job.collection,
    'x-ms-scheduler-expected-execution-time': formatMs(execution.dueMs),
    'x-ms-scheduler-attempt': `${execution.attempt}`,
  };
}

function credentialHeaders({ username, password }: Authentication): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${username}:${password.reveal()}`).toString('base64')}` };
}

async function readStart(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Leaving the loop early destroys the body and its connection: nobody waits for the rest of an endless answer.
  for await (const chunk of body) {
    if (!Buffer.isBuffer(chunk)) continue;
    chunks.push(chunk);
    length += chunk.length;
    if (length >= READ_BODY_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8').slice(0, KEPT_BODY_CHARACTERS);
}

/** In the words of .NET's WebExceptionStatus, which is what clients of the real service match. */
export function describeFailure(error: unknown, host: string): string {
  const refusal = findRefusal(error);
  if (refusal !== undefined) return `AddressRefused ${refusal.message}`;
  const code = systemErrorCode(error) ?? '';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return `NameResolutionFailure The remote name could not be resolved: '${host}'`;
  }
  if (isTimeout(error)) return 'Timeout The operation has timed out';
  if (['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH'].includes(code)) {
    return 'ConnectFailure Unable to connect to the remote server';
  }
  return `ConnectionClosed ${describeError(error)}`;
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && (error.name === 'TimeoutError' || /Timeout/.test(error.name));
}

function findRefusal(error: unknown): AddressRefusedError | undefined {
  if (error instanceof AddressRefusedError) return error;
  if (error instanceof AggregateError) return error.errors.map(findRefusal).find((found) => found !== undefined);
  return error instanceof Error && error.cause !== undefined ? findRefusal(error.cause) : undefined;
}

function originOf(uri: string): string {
  return URL.canParse(uri) ? new URL(uri).origin : uri;
}

function hostOf(uri: string): string {
  return URL.canParse(uri) ? new URL(uri).hostname : uri;
}
