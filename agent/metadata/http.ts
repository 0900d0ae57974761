import { Agent, request } from 'node:http';
import { describeError } from '../../common/runtime/errors.ts';

/** Longest answer that is read. A document of 1,000 events stays well below. */
const MAX_BODY_BYTES = 1024 * 1024;

/**
 * An agent of its own: no connection is kept, so that none can be stale after the VM was frozen, and no proxy of the
 * environment is used (Azure docs, Instance Metadata Service: requests must not go through a proxy).
 */
const DIRECT = new Agent({ keepAlive: false });

export interface MetadataRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
  /** Ends the wait when the agent stops; the answer is then a failure. */
  readonly signal: AbortSignal | undefined;
}

export type MetadataAnswer =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly etag: string | undefined;
      readonly text: string;
    }
  /** Nobody knows whether the request arrived. */
  | { readonly kind: 'failed'; readonly reason: string };

/** One request to the metadata service. Never rejects: no answer, half an answer and too long an answer are values too. */
export async function askMetadata(wanted: MetadataRequest): Promise<MetadataAnswer> {
  return await new Promise((resolve) => {
    const finish = (answer: MetadataAnswer): void => {
      wanted.signal?.removeEventListener('abort', onStop);
      resolve(answer);
    };
    const fail = (reason: string): void => {
      finish({ kind: 'failed', reason });
    };
    const onStop = (): void => {
      outgoing.destroy();
      fail('the agent stops');
    };
    const outgoing = request(wanted.url, {
      method: wanted.method,
      agent: DIRECT,
      headers: { metadata: 'true', ...wanted.headers },
      signal: AbortSignal.timeout(wanted.timeoutMs),
    });
    wanted.signal?.addEventListener('abort', onStop, { once: true });
    outgoing.on('error', (error) => {
      const isTimeout = error.name === 'AbortError' || error.name === 'TimeoutError';
      fail(isTimeout ? `no answer within ${wanted.timeoutMs} ms` : describeError(error));
    });
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        chunks.push(chunk);
        if (length <= MAX_BODY_BYTES) return;
        fail(`the answer is longer than ${MAX_BODY_BYTES} bytes`);
        outgoing.destroy();
      });
      response.on('error', (error) => {
        fail(`the answer was cut off: ${describeError(error)}`);
      });
      response.on('end', () => {
        finish({
          kind: 'answer',
          status: response.statusCode ?? 0,
          etag: response.headers.etag,
          text: Buffer.concat(chunks).toString('utf8'),
        });
      });
    });
    outgoing.end(wanted.body);
  });
}
