import type { TokenCredentialOptions } from '@azure/identity';
import { request, type Dispatcher } from 'undici';
import { HTTP_TIMEOUT_MS } from './exchange.ts';

type HttpClient = NonNullable<TokenCredentialOptions['httpClient']>;
type Sent = Parameters<HttpClient['sendRequest']>[0];
type Received = Awaited<ReturnType<HttpClient['sendRequest']>>;

/** Answers of Azure's services to what is asked here are small. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * The way out for Azure's own libraries: through the connections that the address guard watches, and past whatever proxy the
 * environment names.
 */
export function createAzureHttpClient(dispatcher: Dispatcher): HttpClient {
  return {
    sendRequest: async (sent) => {
      const limit = new AbortController();
      const stop = (): void => {
        limit.abort();
      };
      if (sent.abortSignal?.aborted === true) stop();
      sent.abortSignal?.addEventListener('abort', stop);
      try {
        const response = await request(sent.url, {
          dispatcher,
          method: sent.method,
          headers: sent.headers.toJSON({ preserveCase: true }),
          body: bodyOf(sent),
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
        return {
          request: sent,
          status: response.statusCode,
          headers: headersOf(response.headers),
          bodyAsText: Buffer.concat(chunks).toString('utf8'),
        };
      } finally {
        sent.abortSignal?.removeEventListener('abort', stop);
      }
    },
  };
}

function bodyOf({ body }: Sent): string | Uint8Array | null {
  if (body === null || body === undefined || typeof body === 'string' || body instanceof Uint8Array)
    return body ?? null;
  throw new TypeError('only text and bytes are sent');
}

function headersOf(raw: Readonly<Record<string, string | string[] | undefined>>): Received['headers'] {
  const values = new Map<string, string>();
  for (const [name, value] of Object.entries(raw)) {
    if (value !== undefined) values.set(name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value);
  }
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
