import type { Dispatcher } from 'undici';
import { systemClock, type Clock } from '../../common/runtime/clock.ts';
import type { HttpAction } from '../jobs/definition.ts';
import { formatMs } from '../jobs/instant.ts';
import type { Claim } from '../store/store.ts';
import type { ActionOutcome } from '../engine/ending.ts';
import type { Interrupt } from '../engine/interrupt.ts';
import type { Authenticator, Credentials } from './authentication/authenticator.ts';
import {
  addressOf,
  exchange,
  hasSameHeaders,
  headerLines,
  HTTP_TIMEOUT_MS,
  type Answer,
  type OutgoingRequest,
} from './exchange.ts';
import { describeFailure } from './http-failure.ts';
import { pollDelayMs, progressOf, statusUrlOf, type StatusUrl } from './long-work.ts';
import { redirectOf } from './redirect.ts';
import { statusName } from './status-names.ts';
import { TimeLimit } from './time-limit.ts';

/** As much of an answer's body as the real service's history keeps: 2048 bytes of UTF-16. */
export const KEPT_BODY_CHARACTERS = 1024;
/** Enough bytes for that many characters in UTF-8, whatever they are; the rest of the answer is not read. */
const READ_BODY_BYTES = KEPT_BODY_CHARACTERS * 4;
/** What a status URL answers is read as JSON, which a part of it is not. */
const READ_STATUS_BYTES = 64 * 1024;
/** A server's headers end up in the database; this bounds them as the body is. */
const KEPT_HEADER_CHARACTERS = 8192;
/** Longest that long work is waited for: an execution holds a place among those that run. */
export const LONG_WORK_MS = 24 * 3_600_000;
/** So many looks at a status URL in a row may fail; work that takes an hour outlives a restart of whoever tells of it. */
const MAX_UNCLEAR = 10;

export interface HttpPerformer {
  /** It is interrupted when the scheduler stops; the outcome is then undefined, and the next start tries again. */
  perform(action: HttpAction, claim: Claim, interrupt: Interrupt): Promise<ActionOutcome | undefined>;
}

export interface HttpParts {
  readonly dispatcher: Dispatcher;
  readonly authenticator: Authenticator;
  /** How many redirects of a request are followed. */
  readonly followRedirects: number;
  /** Where this replica runs, if it was told. */
  readonly region: string | undefined;
  readonly clock?: Clock;
}

/**
 * Performs HTTP actions. Any 2xx is success, and everything else a failure; a redirect is followed only where the settings say
 * so. A 202 with a status URL is the beginning: the URL is asked until the work is over.
 */
export function createHttpPerformer(parts: HttpParts): HttpPerformer {
  const clock = parts.clock ?? systemClock;
  const means = { ...parts, clock, limit: new TimeLimit(clock, HTTP_TIMEOUT_MS) };
  return {
    perform: (action, claim, interrupt) => new Conversation(means, { action, claim, interrupt }).perform(),
  };
}

/** What all executions share. */
interface Means extends HttpParts {
  readonly clock: Clock;
  readonly limit: TimeLimit;
}

/** What one execution is to do. */
interface Task {
  readonly action: HttpAction;
  readonly claim: Claim;
  readonly interrupt: Interrupt;
}

interface Held {
  /** The last one. */
  readonly answer: Answer;
  readonly isSuccess: boolean;
}

/**
 * Between one execution and its target. There are thousands a second of these: what passes a promise on does not make
 * another one.
 */
class Conversation {
  readonly #means: Means;
  readonly #task: Task;
  readonly #target: Target;
  #credentials: Credentials | undefined;

  constructor(means: Means, task: Task) {
    this.#means = means;
    this.#task = task;
    this.#target = targetOf(task.action);
  }

  /** Undefined when it was interrupted. */
  async perform(): Promise<ActionOutcome | undefined> {
    const { action, interrupt } = this.#task;
    const { host } = this.#target;
    try {
      const { uri, method, body, authentication } = action.request;
      if (authentication !== undefined) {
        this.#credentials = await this.#means.authenticator.credentials(authentication, interrupt.signal);
      }
      const { url = new URL(uri), headers } = this.#target;
      const answer = await this.#sendAll({ url, method, headers, body });
      const held = answer === undefined ? undefined : await this.#resultOf(answer);
      return interrupt.isRequested || held === undefined ? undefined : outcomeOf(held, host);
    } catch (error) {
      if (interrupt.isRequested) return undefined;
      return {
        status: 'failed',
        message: `Http Action - Request to host '${host}' failed: ${describeFailure(error, host)}`,
      };
    } finally {
      if (this.#credentials !== undefined) await this.#credentials.close();
    }
  }

  #resultOf(answer: Answer): Held | Promise<Held | undefined> {
    const status = statusUrlOf(answer);
    if (status === undefined) return { answer, isSuccess: answer.statusCode >= 200 && answer.statusCode < 300 };
    return this.#poll(status, answer, this.#target.headers);
  }

  /** Sends a request and what redirects make of it. */
  #sendAll(first: OutgoingRequest): Promise<Answer | undefined> {
    return this.#means.followRedirects === 0 ? this.#send(first, READ_BODY_BYTES) : this.#follow(first);
  }

  async #follow(first: OutgoingRequest): Promise<Answer | undefined> {
    let outgoing = first;
    for (let left = this.#means.followRedirects; ; left--) {
      const answer = await this.#send(outgoing, READ_BODY_BYTES);
      const next = answer === undefined || left === 0 ? undefined : redirectOf(outgoing, answer);
      if (next === undefined) return answer;
      outgoing = next;
    }
  }

  async #poll(status: StatusUrl, accepted: Answer, headers: OutgoingRequest['headers']): Promise<Held | undefined> {
    const { clock } = this.#means;
    const giveUpAtMs = clock.monotonic() + LONG_WORK_MS;
    let current = status;
    let latest = accepted;
    for (let unclear = 0; unclear < MAX_UNCLEAR;) {
      if (!(await clock.sleep(pollDelayMs(latest, clock.now()), this.#task.interrupt.signal))) return undefined;
      const answer = await this.#look(current.url, headers);
      if (this.#task.interrupt.isRequested) return undefined;
      const progress = answer === undefined ? 'unclear' : progressOf(current.kind, answer);
      if (answer !== undefined) latest = answer;
      if (progress === 'succeeded' || progress === 'failed') {
        return { answer: latest, isSuccess: progress === 'succeeded' };
      }
      unclear = progress === 'unclear' ? unclear + 1 : 0;
      if (progress === 'running') current = statusUrlOf(latest) ?? current;
      if (clock.monotonic() >= giveUpAtMs) throw new DOMException('The work is not over after a day', 'TimeoutError');
    }
    return { answer: latest, isSuccess: false };
  }

  /** Undefined when it cannot be reached now; an address that may not be called never can. */
  async #look(url: URL, own: OutgoingRequest['headers']): Promise<Answer | undefined> {
    const headers = own.filter(([name]) => !/^(content-|transfer-encoding$|if-)/i.test(name));
    try {
      return await this.#send({ url, method: 'GET', headers, body: undefined }, READ_STATUS_BYTES);
    } catch (error) {
      const failure = describeFailure(error, url.hostname);
      if (failure.startsWith('AddressRefused')) throw error;
      return undefined;
    }
  }

  /** One request within its time. Only the job's own origin is sent its headers and credentials. */
  #send(outgoing: OutgoingRequest, readBytes: number): Promise<Answer | undefined> {
    const { interrupt, claim } = this.#task;
    const isOwn = outgoing.url === this.#target.url || addressOf(outgoing.url).origin === this.#target.origin;
    const headers = identityHeaders(claim, this.#means.region);
    if (isOwn) {
      const secret = this.#credentials?.headers ?? [];
      for (const [name, value] of outgoing.headers) if (!isAmong(secret, name)) headers.push(name, value);
      for (const [name, value] of secret) headers.push(name, value);
    }
    const dispatcher = (isOwn ? this.#credentials?.dispatcher : undefined) ?? this.#means.dispatcher;
    if (interrupt.isRequested) return Promise.resolve(undefined);
    return exchange(outgoing, { headers, dispatcher, interrupt, readBytes, limit: this.#means.limit });
  }
}

function isAmong(headers: OutgoingRequest['headers'], name: string): boolean {
  return headers.some(([other]) => other.toLowerCase() === name.toLowerCase());
}

function outcomeOf({ answer, isSuccess }: Held, host: string): ActionOutcome {
  return {
    status: isSuccess ? 'completed' : 'failed',
    message:
      `Http Action - Response from host '${host}': '${statusName(answer.statusCode)}' ` +
      `Response Headers: ${headerText(answer)} Body: ${answer.text.slice(0, KEPT_BODY_CHARACTERS)}`,
  };
}

/** The newest headers that were written down: in a burst a server says the same to everybody. */
let written: { readonly answer: Pick<Answer, 'names' | 'headers'>; readonly text: string } | undefined;

function headerText(answer: Answer): string {
  if (written === undefined || !hasSameHeaders(written.answer, answer)) {
    const text = headerLines(answer).join('').slice(0, KEPT_HEADER_CHARACTERS);
    written = { answer: { names: answer.names, headers: answer.headers }, text };
  }
  return written.text;
}

/**
 * What the target learns of the execution. `x-ms-execution-tag` is the same for every try of one occurrence: a target that
 * remembers it does the work once. The other names are those the real service's targets check.
 */
function identityHeaders({ job, execution }: Claim, region: string | undefined): string[] {
  const headers = [
    'x-ms-execution-tag',
    execution.key,
    'x-ms-client-request-id',
    execution.id,
    'x-ms-scheduler-jobid',
    job.job,
    'x-ms-scheduler-jobcollection',
    job.collection,
    'x-ms-scheduler-expected-execution-time',
    formatMs(execution.dueMs),
    'x-ms-scheduler-attempt',
    `${execution.attempt}`,
  ];
  if (region !== undefined) headers.push('x-ms-region', region);
  return headers;
}

/** What is the same for every execution of a definition. */
interface Target {
  /** Of what is no URL the text itself, as is `origin`. */
  readonly host: string;
  readonly origin: string;
  readonly url: URL | undefined;
  readonly headers: OutgoingRequest['headers'];
}

/** By the request of the definition, which is kept parsed as long as it is used. */
const TARGETS = new WeakMap<HttpAction['request'], Target>();

/** Where a request goes. */
export function targetOf({ request }: HttpAction): Target {
  const known = TARGETS.get(request);
  if (known !== undefined) return known;
  const url = URL.parse(request.uri) ?? undefined;
  const { hostname: host, origin } = url ?? { hostname: request.uri, origin: request.uri };
  const target = { host, origin, url, headers: Object.entries(request.headers ?? {}) };
  TARGETS.set(request, target);
  return target;
}
