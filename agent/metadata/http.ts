import { Agent, request, type IncomingMessage } from 'node:http';
import { systemClock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';
import { whenAborted } from '../../common/runtime/when-aborted.ts';

/** Longest answer that is read. A document of 1,000 events stays well below. */
const MAX_BODY_BYTES = 1024 * 1024;

/**
 * Agents of our own: no proxy of the environment is used (Azure docs, Instance Metadata Service: requests must not go through
 * a proxy). Polls keep their connection, because making one costs as much processor time as all the rest of a poll;
 * whatever else is asked or sent gets a connection of its own, so that nothing that counts meets a stale one.
 */
const DIRECT = new Agent({ keepAlive: false });
const KEPT = new Agent({ keepAlive: true, maxFreeSockets: 1 });

/**
 * A kept connection may be dead without anybody saying so: the VM was frozen, or lives on another host now. The service
 * answers in milliseconds, so one that is silent for this long is given up, and the question asked over a new one.
 */
const KEPT_TIMEOUT_MS = 1000;

export interface MetadataRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
  /** Ends the wait when the agent stops; the answer is then a failure. */
  readonly signal: AbortSignal | undefined;
  /** For questions that are asked again and again, and may be asked twice. */
  readonly keepsConnection?: boolean;
}

export type MetadataAnswer =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly etag: string | undefined;
      /** Epoch milliseconds of the `Date` header: what time the host believes it is. */
      readonly dateMs?: number | undefined;
      readonly text: string;
    }
  /** Nobody knows whether the request arrived. */
  | { readonly kind: 'failed'; readonly reason: string };

/** One request to the metadata service. Never rejects: no answer, half an answer and too long an answer are values too. */
export async function askMetadata(wanted: MetadataRequest): Promise<MetadataAnswer> {
  if (wanted.keepsConnection !== true) return (await ask(wanted, DIRECT)).answer;
  const { answer, isStale } = await ask(wanted, KEPT);
  return isStale ? (await ask(wanted, DIRECT)).answer : answer;
}

/** `isStale`: nothing came over a connection that had been kept, which says nothing about the service. */
async function ask(
  wanted: MetadataRequest,
  agent: Agent,
): Promise<{ readonly answer: MetadataAnswer; readonly isStale: boolean }> {
  return await new Promise((resolve) => {
    let hasBegun = false;
    const finish = (answer: MetadataAnswer): void => {
      cancelDeadline();
      forgetStop?.();
      const isStopped = wanted.signal?.aborted === true;
      resolve({ answer, isStale: answer.kind === 'failed' && outgoing.reusedSocket && !hasBegun && !isStopped });
    };
    const fail = (reason: string): void => {
      finish({ kind: 'failed', reason });
      outgoing.destroy();
    };
    const onStop = (): void => {
      fail('the agent stops');
    };
    const outgoing = request({
      ...targetOf(wanted.url),
      method: wanted.method,
      agent,
      headers: { metadata: 'true', ...wanted.headers },
    });
    const timeoutMs = outgoing.reusedSocket ? Math.min(KEPT_TIMEOUT_MS, wanted.timeoutMs) : wanted.timeoutMs;
    const cancelDeadline = systemClock.after(timeoutMs, () => {
      fail(`no answer within ${timeoutMs} ms`);
    });
    const forgetStop = wanted.signal && whenAborted(wanted.signal, onStop);
    outgoing.on('error', (error) => {
      fail(describeError(error));
    });
    outgoing.on('response', (response) => {
      hasBegun = true;
      readBody(response, fail, (text) => {
        finish({
          kind: 'answer',
          status: response.statusCode ?? 0,
          etag: response.headers.etag,
          dateMs: parseDate(response.headers.date),
          text,
        });
      });
    });
    outgoing.end(wanted.body);
  });
}

/** Taking an address apart costs as much as the rest of making a request, and the same few are asked for ever. */
const TARGETS = new WeakMap<URL, { readonly hostname: string; readonly port: string; readonly path: string }>();

function targetOf(url: URL): { readonly hostname: string; readonly port: string; readonly path: string } {
  const known = TARGETS.get(url);
  if (known !== undefined) return known;
  const target = {
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port,
    path: `${url.pathname}${url.search}`,
  };
  TARGETS.set(url, target);
  return target;
}

function readBody(response: IncomingMessage, fail: (reason: string) => void, done: (text: string) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  response.on('data', (chunk: Buffer) => {
    length += chunk.length;
    chunks.push(chunk);
    if (length > MAX_BODY_BYTES) fail(`the answer is longer than ${MAX_BODY_BYTES} bytes`);
  });
  response.on('error', (error) => {
    fail(`the answer was cut off: ${describeError(error)}`);
  });
  response.on('end', () => {
    done(Buffer.concat(chunks).toString('utf8'));
  });
}

function parseDate(text: string | undefined): number | undefined {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
