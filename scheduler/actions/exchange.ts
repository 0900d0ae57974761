import type { Readable } from 'node:stream';
import { request, type Dispatcher } from 'undici';

/** Not configurable (Azure Scheduler, "Limits and Defaults"): whoever works longer answers 202 at once. */
export const HTTP_TIMEOUT_MS = 60_000;

/** A request as it is sent. */
export interface OutgoingRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | undefined;
}

export interface Answer {
  readonly url: URL;
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** As much of the body as was asked for. */
  readonly text: string;
}

/** One request and the beginning of its answer: at least `readBytes` of the body where there are as many. */
export async function exchange(
  outgoing: OutgoingRequest,
  over: { readonly dispatcher: Dispatcher; readonly signal: AbortSignal; readonly readBytes: number },
): Promise<Answer> {
  const response = await request(outgoing.url, {
    dispatcher: over.dispatcher,
    method: outgoing.method.toUpperCase(),
    headers: outgoing.headers.flat(),
    body: outgoing.body ?? null,
    signal: over.signal,
    headersTimeout: HTTP_TIMEOUT_MS,
    bodyTimeout: HTTP_TIMEOUT_MS,
  });
  const text = await readStart(response.body, over.readBytes);
  return { url: outgoing.url, statusCode: response.statusCode, headers: response.headers, text };
}

async function readStart(body: Readable, readBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Leaving the loop early destroys the body and its connection: nobody waits for the rest of an endless answer.
  for await (const chunk of body) {
    if (!Buffer.isBuffer(chunk)) continue;
    chunks.push(chunk);
    length += chunk.length;
    if (length >= readBytes) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The first value of a header, whose name is in lower case. */
export function headerOf(answer: Answer, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** The URL in a header, relative to where the answer came from; undefined without one that is http or https. */
export function urlInHeader(answer: Answer, name: string): URL | undefined {
  const text = headerOf(answer, name);
  if (text === undefined || !URL.canParse(text, answer.url.href)) return undefined;
  const url = new URL(text, answer.url);
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined;
}
