import { request, type Agent } from 'node:http';
import type { Clock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';

/** One request as a client makes it: once. Nothing is ever sent again. */
export interface WantedRequest {
  readonly url: URL;
  readonly method: 'GET' | 'POST';
  readonly body?: string;
  /** A kept connection, or false for a new one that is closed after the answer. */
  readonly agent: Agent | false;
  /** From the start of the request to the last byte of the answer. */
  readonly timeoutMs: number;
}

export type SendResult =
  | { readonly kind: 'answer'; readonly status: number; readonly body: unknown }
  | { readonly kind: 'failed'; readonly reason: string };

/** Longest answer that is read; the shop's are below 1 KB. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** Sends it and reads the answer. Never rejects: a failed request is what the load is there to find. */
export async function send(wanted: WantedRequest, clock: Clock): Promise<SendResult> {
  return await new Promise((resolve) => {
    const headers =
      wanted.body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(wanted.body) };
    const outgoing = request(wanted.url, { method: wanted.method, headers, agent: wanted.agent });
    const cancelTimeout = clock.after(wanted.timeoutMs, () => {
      outgoing.destroy(new Error(`no answer within ${wanted.timeoutMs} ms`));
    });
    const end = (result: SendResult): void => {
      cancelTimeout();
      resolve(result);
    };
    const fail = (error: Error): void => {
      end({ kind: 'failed', reason: describeError(error) });
    };
    outgoing.on('error', fail);
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > MAX_ANSWER_BYTES) outgoing.destroy(new Error(`an answer longer than ${MAX_ANSWER_BYTES} bytes`));
        chunks.push(chunk);
      });
      response.on('error', fail);
      response.on('end', () => {
        end({ kind: 'answer', status: response.statusCode ?? 0, body: parseJsonOrUndefined(Buffer.concat(chunks)) });
      });
    });
    outgoing.end(wanted.body);
  });
}

function parseJsonOrUndefined(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
