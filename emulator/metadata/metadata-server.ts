import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Clock } from '../../common/runtime/clock.ts';
import { UserError } from '../../common/runtime/errors.ts';
import { listen, type ListenAddress } from '../../common/runtime/listen.ts';
import { DEFAULT_LATENCY_MS, type Fault } from '../faults.ts';
import { ANSWERS, jsonAnswer, textAnswer, type Answer } from './answer.ts';
import { takeOne, type Bucket } from './rate-limit.ts';
import { parseRequestTarget, type RequestTarget } from './request-target.ts';
import { respond, type Later, type MetadataVm } from './respond.ts';
import { MAX_APPROVAL_BYTES } from './scheduled-events.ts';
import { AZURE_TOKENS_PER_SECOND } from './settings.ts';
import { answerUnreadable } from './unreadable.ts';

/** The metadata service of one VM, on an address of its own: the address is what tells VMs apart. */
export interface MetadataServer {
  readonly address: ListenAddress;
  /** Refuses connections, or takes them again on the same port. */
  setReachable(isReachable: boolean): Promise<void>;
  close(): Promise<void>;
}

export interface MetadataServerOptions {
  readonly vm: MetadataVm;
  readonly address: ListenAddress;
  readonly clock: Clock;
  /** What the VM may send before it is answered 429; 0 = as much as it likes. */
  readonly requestsPerSecond: number;
  /** How to misbehave now, if at all. Asked for every request. */
  fault(): Fault | undefined;
}

/** Longer than the slowest poller waits (60 s), so that none sends into a connection that is just being closed. */
const KEEP_ALIVE_MS = 75_000;

/** Starts it. Bare `node:http`, because every VM asks every second and one process may serve thousands. */
export async function startMetadataServer(options: MetadataServerOptions): Promise<MetadataServer> {
  const context: ServeContext = { options, targets: createTargetCache() };
  const admits = createAdmission(options);
  const server = createServer((request, response) => {
    if (!admits(request.url ?? '/')) {
      request.resume();
      send(response, ANSWERS.tooManyRequests);
      return;
    }
    const fault = options.fault();
    if (fault === undefined) serve(context, request, response);
    else serveFaulty(context, fault, { request, response });
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  answerUnreadable(server);
  const address = await listen(server, options.address, 'metadata');
  server.on('error', () => {
    // A connection could not be accepted (no file left for it): its client sees that; the others go on.
  });
  let isListening = true;
  return {
    address,
    setReachable: async (isReachable) => {
      if (isReachable === isListening) return;
      isListening = isReachable;
      if (isReachable) await listen(server, address, 'metadata');
      else await closeServer(server);
    },
    close: async () => {
      if (isListening) await closeServer(server);
      isListening = false;
    },
  };
}

async function closeServer(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}

type TargetCache = (url: string) => RequestTarget;

/** Clients send the same few targets for ever; the bounds keep one that does not from filling memory. */
const MAX_CACHED_TARGETS = 64;
const MAX_CACHED_LENGTH = 512;

function createTargetCache(): TargetCache {
  const known = new Map<string, RequestTarget>();
  return (url) => {
    const found = known.get(url);
    if (found !== undefined) return found;
    const target = parseRequestTarget(url);
    if (url.length > MAX_CACHED_LENGTH) return target;
    if (known.size >= MAX_CACHED_TARGETS) known.clear();
    known.set(url, target);
    return target;
  };
}

/** Whether a request is within the VM's allowance; tokens have one of their own (IMDS, "Rate limiting"). */
function createAdmission(options: MetadataServerOptions): (url: string) => boolean {
  const { clock, requestsPerSecond } = options;
  if (requestsPerSecond === 0) return () => true;
  let general: Bucket | undefined;
  let tokens: Bucket | undefined;
  return (url) => {
    const nowMs = clock.monotonic();
    if (/^\/metadata\/identity/i.test(url)) {
      const next = takeOne(tokens, Math.max(AZURE_TOKENS_PER_SECOND, requestsPerSecond), nowMs);
      tokens = next ?? tokens;
      return next !== undefined;
    }
    const next = takeOne(general, requestsPerSecond, nowMs);
    general = next ?? general;
    return next !== undefined;
  };
}

interface ServeContext {
  readonly options: MetadataServerOptions;
  readonly targets: TargetCache;
}

function serve(context: ServeContext, request: IncomingMessage, response: ServerResponse): void {
  answerTo(context, request, (answer) => {
    send(response, answer);
  });
}

/** Reads the body where the answer depends on it, and hands the answer over. */
function answerTo(context: ServeContext, request: IncomingMessage, deliver: (answer: Answer) => void): void {
  const outcome = orError(() =>
    respond(context.options.vm, {
      method: request.method ?? '',
      headers: request.headers,
      target: context.targets(request.url ?? '/'),
    }),
  );
  if (!('kind' in outcome)) {
    // A body that nobody asked for is read and dropped, so that the connection can be kept.
    request.resume();
    deliver(outcome);
    return;
  }
  if (outcome.kind === 'later') {
    request.resume();
    deliverLater(outcome, context.options.clock, deliver);
    return;
  }
  const chunks: Buffer[] = [];
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= MAX_APPROVAL_BYTES) chunks.push(chunk);
    else chunks.length = 0;
  });
  request.on('end', () => {
    deliver(
      length > MAX_APPROVAL_BYTES
        ? ANSWERS.bodyTooLarge
        : orError(() => outcome.finish(Buffer.concat(chunks).toString('utf8'))),
    );
  });
  request.on('error', () => {
    // Hung up in mid-body: nothing was approved, and nobody waits for an answer.
  });
}

/** What cannot be kept is not acknowledged: the client gets a 500, and asks again. Anything else is a bug, and shows. */
function orError<Found>(work: () => Found): Found | Answer {
  try {
    return work();
  } catch (error) {
    if (error instanceof UserError) return ERRORS['error-500'];
    throw error;
  }
}

function send(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, answer.headers);
  response.end(answer.body);
}

/** The client may have gone by then: what is sent to it is dropped, and what the request has set off goes on. */
function deliverLater(later: Later, clock: Clock, deliver: (answer: Answer) => void): void {
  const finish = async (): Promise<void> => {
    try {
      deliver(await later.finish());
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      deliver(ERRORS['error-500']);
    }
  };
  // A clock that is stepped would keep even a wait of nothing until its next step.
  if (later.afterMs <= 0) void finish();
  else {
    clock.after(later.afterMs, () => {
      void finish();
    });
  }
}

function serveFaulty(
  context: ServeContext,
  fault: Fault,
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
): void {
  const { options } = context;
  switch (fault.kind) {
    case 'error-404':
    case 'error-410':
    case 'error-429':
    case 'error-500':
      request.resume();
      send(response, ERRORS[fault.kind]);
      return;
    case 'wrong-type':
      request.resume();
      send(response, WRONG_TYPE);
      return;
    case 'not-json':
      request.resume();
      send(response, NOT_JSON);
      return;
    case 'empty-document':
      request.resume();
      send(response, jsonAnswer(200, { DocumentIncarnation: options.vm.scope().incarnation, Events: [] }));
      return;
    case 'drop':
    case 'unreachable':
      // Unreachable closes the listener too; this is for a request that had already come in.
      request.destroy();
      return;
    case 'hang':
      request.resume();
      return;
    case 'latency':
      options.clock.after(fault.latencyMs > 0 ? fault.latencyMs : DEFAULT_LATENCY_MS, () => {
        serve(context, request, response);
      });
      return;
    case 'truncate':
      answerTo(context, request, (answer) => {
        sendHalf(response, answer);
      });
      return;
    default:
      fault.kind satisfies never;
  }
}

/** The headers promise the whole body, half of it comes, and then the connection is gone. */
function sendHalf(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, answer.headers);
  if (answer.body === '') {
    response.end();
    return;
  }
  response.write(answer.body.slice(0, Math.ceil(answer.body.length / 2)), () => {
    response.destroy();
  });
}

/** Texts as Azure's own where it documents one (Instance Metadata Service, "Rate limiting" and "HTTP status codes"). */
const ERRORS = {
  'error-404': ANSWERS.notFound,
  'error-410': jsonAnswer(410, { error: 'Gone. Retry after some time for a max of 70 seconds' }),
  'error-429': ANSWERS.tooManyRequests,
  'error-500': jsonAnswer(500, { error: 'Retry after some time' }),
} as const;

const WRONG_TYPE = jsonAnswer(200, { DocumentIncarnation: { value: 1 }, Events: 'none' });
const NOT_JSON = textAnswer(200, '<!DOCTYPE html><title>Sign in to the network</title>', 'text/html');
