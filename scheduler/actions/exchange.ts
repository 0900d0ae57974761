import type { Dispatcher } from 'undici';
import type { Interrupt } from '../engine/interrupt.ts';
import type { Limited, TimeLimit } from './time-limit.ts';

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
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The headers' names as the server wrote them, in its order; one that came twice is here twice. */
  readonly names: readonly string[];
  /** As much of the body as was asked for. */
  readonly text: string;
}

export interface ExchangeOptions {
  /** Sent in place of the request's own: names and values in turn, as undici takes them. */
  readonly headers?: string[];
  readonly dispatcher: Dispatcher;
  readonly interrupt: Interrupt;
  readonly readBytes: number;
  /** For all of it; without one only the waits for headers and body are bounded. */
  readonly limit?: TimeLimit;
}

interface Address {
  readonly origin: string;
  /** With its query. */
  readonly path: string;
}

/** A URL makes its parts anew whenever it is asked for one, and most are asked again for the next execution. */
const ADDRESSES = new WeakMap<URL, Address>();

/** The parts of a URL that a request needs. */
export function addressOf(url: URL): Address {
  const known = ADDRESSES.get(url);
  if (known !== undefined) return known;
  const address = { origin: url.origin, path: `${url.pathname}${url.search}` };
  ADDRESSES.set(url, address);
  return address;
}

/**
 * One request and the beginning of its answer: at least `readBytes` of the body where there are as many. Rejects with an
 * `AbortError` when it is interrupted, with a `TimeoutError`, or with what the connection says.
 *
 * Goes below `request` of undici: no stream and no second signal is made for each answer.
 */
export function exchange(outgoing: OutgoingRequest, options: ExchangeOptions): Promise<Answer> {
  const { origin, path } = addressOf(outgoing.url);
  // What has a limit for all of it needs none for its parts, which would be two timers more for each.
  const pauseMs = options.limit === undefined ? HTTP_TIMEOUT_MS : 0;
  return new Promise((resolve, reject) => {
    const receiving = new Receiving(outgoing.url, options, { resolve, reject });
    if (receiving.isOver) return;
    options.dispatcher.dispatch(
      {
        origin,
        path,
        method: outgoing.method.toUpperCase(),
        headers: options.headers ?? outgoing.headers.flat(),
        body: outgoing.body ?? null,
        headersTimeout: pauseMs,
        bodyTimeout: pauseMs,
      },
      receiving,
    );
  });
}

interface Settle {
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

class Receiving implements Dispatcher.DispatchHandler, Limited {
  readonly #url: URL;
  readonly #options: ExchangeOptions;
  readonly #settle: Settle;
  /** What has come of the body: almost always one piece, for which no list is made. */
  #body: Buffer | Buffer[] | undefined;
  #length = 0;
  #statusCode = 0;
  #headers: Answer['headers'] = {};
  #names: readonly string[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  isOver = false;

  constructor(url: URL, options: ExchangeOptions, settle: Settle) {
    this.#url = url;
    this.#options = options;
    this.#settle = settle;
    const { interrupt, limit } = options;
    if (interrupt.isRequested) {
      this.#fail(interrupted());
      return;
    }
    interrupt.listen(() => {
      this.#stop(interrupted());
    });
    limit?.begin(this);
  }

  onLate(): void {
    this.#stop(new DOMException('The operation has timed out', 'TimeoutError'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // It was stopped while it waited for a connection.
    if (this.isOver) controller.abort(new Error('stopped'));
  }

  onResponseStart({ rawHeaders }: Dispatcher.DispatchController, statusCode: number, headers: Answer['headers']): void {
    // 100 to 199 only announce the answer.
    if (statusCode < 200) return;
    this.#statusCode = statusCode;
    this.#headers = headers;
    this.#names = namesIn(rawHeaders);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.isOver) return;
    if (this.#body === undefined) this.#body = chunk;
    else if (Array.isArray(this.#body)) this.#body.push(chunk);
    else this.#body = [this.#body, chunk];
    this.#length += chunk.length;
    if (this.#length < this.#options.readBytes) return;
    this.#succeed();
    // Ends the connection too: nobody waits for the rest of an endless answer.
    controller.abort(new Error('as much was read as is kept'));
  }

  onResponseEnd(): void {
    if (!this.isOver) this.#succeed();
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (!this.isOver) this.#fail(error);
  }

  #stop(reason: Error): void {
    if (this.isOver) return;
    this.#fail(reason);
    this.#controller?.abort(reason);
  }

  #succeed(): void {
    this.#end();
    this.#settle.resolve({
      url: this.#url,
      statusCode: this.#statusCode,
      headers: this.#headers,
      names: this.#names,
      text: (Array.isArray(this.#body) ? Buffer.concat(this.#body) : this.#body)?.toString('utf8') ?? '',
    });
  }

  #fail(reason: unknown): void {
    this.#end();
    this.#settle.reject(reason);
  }

  #end(): void {
    this.isOver = true;
    this.#options.limit?.end(this);
    this.#options.interrupt.listen(undefined);
  }
}

function interrupted(): DOMException {
  return new DOMException('The operation was interrupted', 'AbortError');
}

/** Of headers as they came: name and value in turn. */
function namesIn(raw: Dispatcher.DispatchController['rawHeaders']): readonly string[] {
  if (!Array.isArray(raw)) return Object.keys(raw ?? {});
  return Array.from({ length: raw.length / 2 }, (_none, index) => `${raw[index * 2]?.toString('latin1')}`);
}

/** One line for each header, its name as the server wrote it; what came in several lines is joined with `, `. */
export function headerLines({ names, headers }: Answer): readonly string[] {
  const seen: string[] = [];
  const lines: string[] = [];
  for (const name of names) {
    const key = name.toLowerCase();
    // Of a name that came twice, in whatever letters, the first spelling counts.
    if (seen.includes(key)) continue;
    seen.push(key);
    const value = headers[key];
    lines.push(`${name}: ${Array.isArray(value) ? value.join(', ') : (value ?? '')}\r\n`);
  }
  return lines;
}

type Headers = Pick<Answer, 'names' | 'headers'>;

/** Whether the same lines were sent in the same order; headers that came twice never count as the same. */
export function hasSameHeaders(one: Headers, other: Headers): boolean {
  if (one.names.length !== other.names.length) return false;
  return one.names.every((name, index) => {
    if (name !== other.names[index]) return false;
    const key = name.toLowerCase();
    const value = one.headers[key];
    return typeof value === 'string' && value === other.headers[key];
  });
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
