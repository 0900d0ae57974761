import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Socket } from 'node:net';
import type { Clock } from '../../common/runtime/clock.ts';
import { UserError } from '../../common/runtime/errors.ts';
import { listen, type ListenAddress } from '../../common/runtime/listen.ts';
import { DEFAULT_LATENCY_MS, type Fault } from '../faults.ts';
import type { ScopeState } from '../platform/state.ts';
import { freshAllowance, type Admission } from './admission.ts';
import { ANSWERS, jsonAnswer, textAnswer, type Answer } from './answer.ts';
import { scopeUnder } from './faulty-view.ts';
import type { HttpFront } from './http-front.ts';
import { respond, type Later, type MetadataRequest, type MetadataVm } from './respond.ts';
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
  /** Shared by all VMs of an emulator. */
  readonly front: HttpFront;
  readonly address: ListenAddress;
  readonly clock: Clock;
  /** Shared by all VMs of an emulator. */
  readonly admission: Admission;
  /** How to misbehave now, if at all. Asked for every request. */
  fault(): Fault | undefined;
  /** The scope as it was, for the faults `behind` and `stale-document`. */
  readonly past: (fault: Fault, scope: ScopeState) => ScopeState;
}

/** Starts it. Nothing but `node:http` behind it, because every VM asks every second and one process may serve thousands. */
export async function startMetadataServer(options: MetadataServerOptions): Promise<MetadataServer> {
  const allowance = freshAllowance();
  const connections = new Set<Socket>();
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const refusal = options.admission(allowance, request.url ?? '/', response);
    if (refusal !== undefined) {
      request.resume();
      send(response, refusal);
      return;
    }
    const fault = options.fault();
    if (fault === undefined) serve(options, request, response);
    else serveFaulty(options, fault, { request, response });
  };
  const forget = function forget(this: Socket): void {
    connections.delete(this);
  };
  const listener = createServer({ noDelay: true }, (connection) => {
    connections.add(connection);
    connection.once('close', forget);
    options.front.accept(connection, onRequest);
  });
  const address = await listen(listener, options.address, 'metadata');
  listener.on('error', () => {
    // A connection could not be accepted (no file left for it): its client sees that; the others go on.
  });
  let isListening = true;
  const stop = async (): Promise<void> => {
    if (!isListening) return;
    isListening = false;
    await new Promise<void>((resolve) => {
      listener.close(() => {
        resolve();
      });
      for (const connection of connections) connection.destroy();
    });
  };
  return {
    address,
    setReachable: async (isReachable) => {
      if (!isReachable) {
        await stop();
      } else if (!isListening) {
        isListening = true;
        await listen(listener, address, 'metadata');
      }
    },
    close: stop,
  };
}

function serve(options: MetadataServerOptions, request: IncomingMessage, response: ServerResponse): void {
  answerTo(options, request, (answer) => {
    send(response, answer);
  });
}

/** Reads the body where the answer depends on it, and hands the answer over. */
function answerTo(
  options: MetadataServerOptions & Pick<MetadataRequest, 'view'>,
  request: IncomingMessage,
  deliver: (answer: Answer) => void,
): void {
  const outcome = orError(() =>
    respond(options.vm, {
      method: request.method ?? '',
      headers: request.headers,
      target: options.front.parseTarget(request.url ?? '/'),
      view: options.view,
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
    deliverLater(outcome, options.clock, deliver);
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
  options: MetadataServerOptions,
  fault: Fault,
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
): void {
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
    case 'stale-document':
    case 'behind':
    case 'clock-skew':
      serveView(options, fault, { request, response });
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
        serve(options, request, response);
      });
      return;
    case 'stall':
      answerTo(options, request, (answer) => {
        stall(response, answer);
      });
      return;
    case 'truncate':
      answerTo(options, request, (answer) => {
        sendHalf(response, answer);
      });
      return;
    default:
      fault.kind satisfies never;
  }
}

/** Answers as ever, but from the document that the fault makes of the scope's. */
function serveView(
  options: MetadataServerOptions,
  fault: Fault,
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
): void {
  const { clock } = options;
  // A client that has the document already is to see the other one all the same.
  if (fault.kind === 'empty-document') delete request.headers['if-none-match'];
  const view = (scope: ScopeState): ScopeState => scopeUnder(fault, scope, options.past);
  answerTo({ ...options, view }, request, (answer) => {
    if (fault.kind !== 'clock-skew') {
      send(response, answer);
      return;
    }
    const date = new Date(clock.now() + (fault.byMs ?? 0)).toUTCString();
    send(response, { ...answer, headers: { ...answer.headers, date } });
  });
}

/** The headers promise the whole body, half of it comes, and then nothing more. Of an answer without a body not even that. */
function stall(response: ServerResponse, answer: Answer): void {
  if (answer.body === '') return;
  response.writeHead(answer.status, answer.headers);
  response.write(answer.body.slice(0, Math.ceil(answer.body.length / 2)));
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
