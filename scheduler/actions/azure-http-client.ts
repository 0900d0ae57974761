import type { TokenCredentialOptions } from '@azure/identity';
import type { StoragePipelineOptions } from '@azure/storage-queue';
import { request, type Dispatcher } from 'undici';
import { HTTP_TIMEOUT_MS } from './exchange.ts';

/*
 * The way out for Azure's own libraries: through the connections that the address guard watches, and past whatever proxy the
 * environment names. They want it in two forms: that of their present pipeline and that of the one before.
 */

type HttpClient = NonNullable<TokenCredentialOptions['httpClient']>;
type Received = Awaited<ReturnType<HttpClient['sendRequest']>>;
type OlderHttpClient = NonNullable<StoragePipelineOptions['httpClient']>;

interface Sent {
  readonly url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: unknown;
  readonly abortSignal?: Pick<AbortSignal, 'aborted'> & {
    readonly addEventListener: (type: 'abort', listener: () => void) => void;
    readonly removeEventListener: (type: 'abort', listener: () => void) => void;
  };
}

/** Answers of Azure's services to what is asked here are small. */
const MAX_ANSWER_BYTES = 1024 * 1024;

export function createAzureHttpClient(dispatcher: Dispatcher): HttpClient {
  return {
    sendRequest: async (sent) => {
      const { url, method, body, abortSignal } = sent;
      const headers = sent.headers.toJSON({ preserveCase: true });
      const answer = await send(dispatcher, { url, method, headers, body, ...(abortSignal && { abortSignal }) });
      return { request: sent, status: answer.status, headers: collected(answer.headers), bodyAsText: answer.text };
    },
  };
}

export function createOlderAzureHttpClient(dispatcher: Dispatcher): OlderHttpClient {
  return {
    sendRequest: async (sent) => {
      const { url, method, body, abortSignal } = sent;
      const headers = sent.headers.toJson({ preserveCase: true });
      const answer = await send(dispatcher, { url, method, headers, body, ...(abortSignal && { abortSignal }) });
      // Only the library can make such a collection; an emptied copy of the request's is one.
      const received = sent.headers.clone();
      for (const name of received.headerNames()) received.remove(name);
      for (const [name, value] of answer.headers) received.set(name, value);
      return { request: sent, status: answer.status, headers: received, bodyAsText: answer.text };
    },
  };
}

async function send(
  dispatcher: Dispatcher,
  { url, method, headers, body, abortSignal }: Sent,
): Promise<{ readonly status: number; readonly headers: Map<string, string>; readonly text: string }> {
  const limit = new AbortController();
  const stop = (): void => {
    limit.abort();
  };
  if (abortSignal?.aborted === true) stop();
  abortSignal?.addEventListener('abort', stop);
  try {
    const response = await request(url, {
      dispatcher,
      method,
      headers,
      body: bytesOf(body),
      signal: limit.signal,
      headersTimeout: HTTP_TIMEOUT_MS,
      bodyTimeout: HTTP_TIMEOUT_MS,
    });
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of response.body) {
      if (!Buffer.isBuffer(chunk)) continue;
      length += chunk.length;
      if (length > MAX_ANSWER_BYTES) throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
      chunks.push(chunk);
    }
    const text = Buffer.concat(chunks).toString('utf8');
    return { status: response.statusCode, headers: headersIn(response.headers), text };
  } finally {
    abortSignal?.removeEventListener('abort', stop);
  }
}

function bytesOf(body: unknown): string | Uint8Array | null {
  if (body === null || body === undefined) return null;
  if (typeof body === 'string' || body instanceof Uint8Array) return body;
  throw new TypeError('only text and bytes are sent');
}

function headersIn(raw: Readonly<Record<string, string | string[] | undefined>>): Map<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of Object.entries(raw)) {
    if (value !== undefined) values.set(name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value);
  }
  return values;
}

function collected(values: Map<string, string>): Received['headers'] {
  return {
    get: (name) => values.get(name.toLowerCase()),
    has: (name) => values.has(name.toLowerCase()),
    set: (name, value) => {
      values.set(name.toLowerCase(), `${value}`);
    },
    delete: (name) => {
      values.delete(name.toLowerCase());
    },
    toJSON: () => Object.fromEntries(values),
    [Symbol.iterator]: () => values.entries(),
  };
}
