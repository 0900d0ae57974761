import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseDurationOrUndefined } from '../../common/runtime/duration.ts';
import type { AgentView, Operator } from './agent-view.ts';

/** What a listener lets its clients do. */
export interface Access {
  /** Why this request is refused, if it is; `open` pages (health) are asked for by programs without credentials. */
  refuse(request: IncomingMessage, isOpen: boolean): { readonly status: number; readonly error: string } | undefined;
  readonly mayChange: boolean;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly contentType?: string;
}

const PAGES = '/status, /events, /healthz, /readyz, /drainz, /metrics';
/** Pages that say one word about the agent's health and nothing about the fleet. */
const OPEN_PAGES: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/drainz']);

/** Orders are a few words. */
const MAX_BODY_BYTES = 4096;

/** How long the operator's own drain lasts when nobody says how long: nobody forgets a VM for longer than a working day. */
const DRAIN_FOR_MS = 8 * 3_600_000;

/**
 * Answers one request to the agent. Three questions are kept apart, so that none of them can be taken for another:
 * `/healthz` does the agent move (a restart would mend it) · `/readyz` does it know what it must (reconciled) · `/drainz` does
 * this VM want traffic (the balancers' question). Never rejects.
 */
export async function respond(
  view: AgentView,
  access: Access,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const page = request.url?.split('?')[0] ?? '';
  const refusal = access.refuse(request, OPEN_PAGES.has(page));
  try {
    if (refusal !== undefined) write(response, { status: refusal.status, body: { error: refusal.error } });
    else if (request.method === 'GET' || request.method === 'HEAD') write(response, await show(view, page));
    else if (request.method === 'POST') write(response, await change(view, access, page, request));
    else write(response, { status: 405, body: { error: 'only GET and POST' } });
  } catch {
    // The client went away in the middle of its request.
    response.destroy();
  }
  request.resume();
}

async function show(view: AgentView, page: string): Promise<Answer> {
  const status = view.status();
  switch (page) {
    case '/healthz':
      return { status: view.isAlive() ? 200 : 503, body: { ok: view.isAlive() } };
    case '/readyz': {
      const ready = status !== undefined && status.reconciled.metadata && status.reconciled.coordinator;
      return { status: ready ? 200 : 503, body: { ready } };
    }
    case '/drainz': {
      const inRotation = status?.inRotation ?? false;
      return { status: inRotation ? 200 : 503, body: { inRotation } };
    }
    case '/status':
      return status === undefined ? notYet() : { status: 200, body: status };
    case '/events':
      return status === undefined ? notYet() : { status: 200, body: status.events };
    case '/metrics':
      if (view.metrics === undefined) return { status: 404, body: { error: 'metrics are off (setting http.metrics)' } };
      return {
        status: 200,
        body: await view.metrics(),
        contentType: 'text/plain; version=0.0.4; charset=utf-8',
      };
    default:
      return { status: 404, body: { error: `expected ${PAGES}` } };
  }
}

async function change(view: AgentView, access: Access, page: string, request: IncomingMessage): Promise<Answer> {
  if (!access.mayChange)
    return {
      status: 403,
      body: { error: 'without http.tokenFile nothing can be changed here; use the Unix socket' },
    };
  // A header that a page in a browser cannot set across sites.
  if (request.headers['x-forewarn'] !== 'true')
    return { status: 403, body: { error: 'changes need the header x-forewarn: true' } };
  const operator = view.operator();
  if (operator === undefined) return notYet();
  const body = await readBody(request);
  if (body === undefined) return { status: 400, body: { error: 'expected a JSON object of at most 4096 bytes' } };
  return await order(operator, page, body);
}

async function order(operator: Operator, page: string, body: Readonly<Record<string, unknown>>): Promise<Answer> {
  switch (page) {
    case '/drain': {
      const { reason = "the operator's wish", for: span = `${DRAIN_FOR_MS}ms` } = body;
      const forMs = typeof span === 'string' ? parseDurationOrUndefined(span) : undefined;
      if (typeof reason !== 'string' || reason.length > 200 || forMs === undefined || forMs === 0)
        return { status: 400, body: { error: 'expected {"reason": up to 200 characters, "for": "2h"}' } };
      operator.drain(reason, forMs);
      return { status: 202, body: { draining: true, forMs } };
    }
    case '/restore':
      return { status: 202, body: { restoring: operator.restore() } };
    case '/withdraw': {
      const { eventId } = body;
      if (typeof eventId !== 'string' || eventId === '' || eventId.length > 64)
        return { status: 400, body: { error: 'expected {"eventId": "…"}' } };
      const result = await operator.withdraw(eventId);
      return { status: result.ok ? 200 : 409, body: result };
    }
    default:
      return { status: 404, body: { error: 'expected /drain, /restore or /withdraw' } };
  }
}

function notYet(): Answer {
  return { status: 503, body: { error: 'the agent does not know yet which VM it is on' } };
}

async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>> | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    length += bytes.length;
    if (length > MAX_BODY_BYTES) return undefined;
    chunks.push(bytes);
  }
  if (length === 0) return {};
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function write(response: ServerResponse, answer: Answer): void {
  const text = typeof answer.body === 'string' ? answer.body : `${JSON.stringify(answer.body)}\n`;
  response.writeHead(answer.status, {
    'content-type': answer.contentType ?? 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}
