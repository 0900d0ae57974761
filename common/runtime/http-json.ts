import { request } from 'node:http';
import { describeError, systemErrorCode, UserError } from './errors.ts';

/** A server of ours as a command reaches it: by address, or by the path of its Unix socket. */
export type ServerLocation =
  | { readonly kind: 'http'; readonly url: string }
  | { readonly kind: 'socket'; readonly path: string };

export interface JsonRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query, `/events?limit=1`. */
  readonly path: string;
  readonly body?: unknown;
  readonly timeoutMs: number;
  /** Secret that the server wants to be shown: sent as `Authorization: Bearer`. */
  readonly token?: string | undefined;
  /** Certificates (PEM) that an `https:` server may be certified by, in the place of those that Node trusts. */
  readonly ca?: string | undefined;
}

export interface JsonResponse {
  readonly status: number;
  /** The parsed body; undefined when it is empty or no JSON. */
  readonly body: unknown;
  readonly text: string;
}

/** Longest answer a command reads. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/**
 * One request of a command to one of our programs. A server that is not there becomes a `UserError` (`SERVER_UNREACHABLE`)
 * that names `what` it is and the option that chooses another; any HTTP status is an answer, not an error.
 */
export async function requestJson(
  location: ServerLocation,
  wanted: JsonRequest,
  naming: { readonly what: string; readonly option: string },
): Promise<JsonResponse> {
  const where = location.kind === 'http' ? location.url : location.path;
  try {
    return await send(location, wanted);
  } catch (error) {
    const isRefused = ['ECONNREFUSED', 'ENOENT', 'EACCES'].includes(systemErrorCode(error) ?? '');
    throw new UserError('SERVER_UNREACHABLE', `cannot reach the ${naming.what} at ${where}: ${describeError(error)}`, {
      hint: isRefused ? `is it running there? ${naming.option} chooses another` : `${naming.option} chooses another`,
      cause: error,
    });
  }
}

async function send(location: ServerLocation, wanted: JsonRequest): Promise<JsonResponse> {
  const text = wanted.body === undefined ? undefined : JSON.stringify(wanted.body);
  const headers: Record<string, string> = {
    accept: 'application/json',
    // A header that a page cannot set across sites without asking; our servers want it before they change anything.
    'x-forewarn': 'true',
    ...(wanted.token === undefined ? {} : { authorization: `Bearer ${wanted.token}` }),
    ...(text === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': `${Buffer.byteLength(text)}` }),
  };
  const options = { method: wanted.method, headers, signal: AbortSignal.timeout(wanted.timeoutMs) };
  // Loaded only by those who need it: every command starts faster without.
  const isOnTls = location.kind === 'http' && location.url.startsWith('https:');
  const requestOn = isOnTls ? (await import('node:https')).request : request;
  const trust = wanted.ca === undefined ? {} : { ca: wanted.ca };
  return await new Promise((resolve, reject) => {
    const outgoing =
      location.kind === 'http'
        ? requestOn(new URL(wanted.path, location.url), { ...options, ...trust })
        : request({ ...options, socketPath: location.path, path: wanted.path });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > MAX_ANSWER_BYTES)
          outgoing.destroy(new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`));
        chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => {
        const received = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, body: parseJsonOrUndefined(received), text: received });
      });
    });
    outgoing.end(text);
  });
}

function parseJsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
