import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Clock } from '../../common/runtime/clock.ts';
import { listen, type ListenAddress } from '../../common/runtime/listen.ts';
import { DEFAULT_LATENCY_MS, type Fault } from '../faults.ts';
import { ANSWERS, jsonAnswer, textAnswer, type Answer } from './answer.ts';
import { parseRequestTarget, type RequestTarget } from './request-target.ts';
import { respond, type MetadataVm } from './respond.ts';
import { MAX_APPROVAL_BYTES } from './scheduled-events.ts';

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
  /** How to misbehave now, if at all. Asked for every request. */
  fault(): Fault | undefined;
}

/** Longer than the slowest poller waits (60 s), so that none sends into a connection that is just being closed. */
const KEEP_ALIVE_MS = 75_000;

/** Starts it. Bare `node:http`, because every VM asks every second and one process may serve thousands. */
export async function startMetadataServer(options: MetadataServerOptions): Promise<MetadataServer> {
  const targets = createTargetCache();
  const server = createServer((request, response) => {
    const fault = options.fault();
    if (fault === undefined) serve(options.vm, request, response, targets);
    else serveFaulty({ options, fault, targets }, request, response);
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  // A client that hangs up in mid-request is no concern of ours.
  server.on('clientError', (_error, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
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

/** Clients send the same few targets for ever; the bound keeps one that does not from filling memory. */
const MAX_CACHED_TARGETS = 64;

function createTargetCache(): TargetCache {
  const known = new Map<string, RequestTarget>();
  return (url) => {
    const found = known.get(url);
    if (found !== undefined) return found;
    const target = parseRequestTarget(url);
    if (known.size >= MAX_CACHED_TARGETS) known.clear();
    known.set(url, target);
    return target;
  };
}

function serve(vm: MetadataVm, request: IncomingMessage, response: ServerResponse, targets: TargetCache): void {
  answerTo(vm, request, targets, (answer) => {
    send(response, answer);
  });
}

/** Reads the body where the answer depends on it, and hands the answer over. */
function answerTo(
  vm: MetadataVm,
  request: IncomingMessage,
  targets: TargetCache,
  deliver: (answer: Answer) => void,
): void {
  const outcome = respond(vm, {
    method: request.method ?? '',
    headers: request.headers,
    target: targets(request.url ?? '/'),
  });
  if (!('kind' in outcome)) {
    // A body that nobody asked for is read and dropped, so that the connection can be kept.
    request.resume();
    deliver(outcome);
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
      length > MAX_APPROVAL_BYTES ? ANSWERS.bodyTooLarge : outcome.finish(Buffer.concat(chunks).toString('utf8')),
    );
  });
  request.on('error', () => {
    // Hung up in mid-body: nothing was approved, and nobody waits for an answer.
  });
}

function send(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, answer.headers);
  response.end(answer.body);
}

function serveFaulty(
  context: { readonly options: MetadataServerOptions; readonly fault: Fault; readonly targets: TargetCache },
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { options, fault, targets } = context;
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
        serve(options.vm, request, response, targets);
      });
      return;
    case 'truncate':
      answerTo(options.vm, request, targets, (answer) => {
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
  'error-429': jsonAnswer(429, { error: 'Too many requests' }),
  'error-500': jsonAnswer(500, { error: 'Retry after some time' }),
} as const;

const WRONG_TYPE = jsonAnswer(200, { DocumentIncarnation: { value: 1 }, Events: 'none' });
const NOT_JSON = textAnswer(200, '<!DOCTYPE html><title>Sign in to the network</title>', 'text/html');
