import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { describeError, EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import { isLoopback, listen, type ListenAddress } from '../../common/runtime/listen.ts';
import { refuseForeignRequest } from '../../common/runtime/local-guard.ts';
import type { AgentView } from './agent-view.ts';
import { respond, type Access } from './respond.ts';
import type { HttpSettings } from './settings.ts';

/** Prometheus, an operator and a few probes; more connections than this are none of them. */
const MAX_CONNECTIONS = 64;
const REQUEST_TIMEOUT_MS = 5000;

/** Shorter secrets can be guessed. */
const MIN_TOKEN_CHARACTERS = 16;

export interface HttpServer {
  readonly address: ListenAddress;
  close(): Promise<void>;
}

/**
 * The agent's pages over TCP. With a token (`http.tokenFile`) everything is answered to whoever shows it; without one only
 * reading, and only on loopback. The health pages need no token: load balancers and supervisors have none.
 */
export async function openHttp(settings: HttpSettings, view: AgentView): Promise<HttpServer> {
  const { tokenFile } = settings;
  if (tokenFile === undefined && !isLoopback(settings.listen.host)) {
    throw new UserError(
      'TOKEN_MISSING',
      'http.listen: expected a loopback address, because http.tokenFile is not set',
      {
        hint: 'listen on 127.0.0.1, or let requests show a token',
        exitStatus: EXIT_USAGE,
      },
    );
  }
  const token = tokenFile === undefined ? undefined : await readToken(tokenFile);
  const bound: { address: ListenAddress } = { address: settings.listen };
  const access: Access = {
    mayChange: token !== undefined,
    refuse: (request, isOpen) => {
      if (token === undefined) {
        const foreign = refuseForeignRequest(request, bound.address);
        return foreign === undefined ? undefined : { status: 403, error: foreign };
      }
      return isOpen || hasToken(request, token) ? undefined : { status: 401, error: 'expected Authorization: Bearer' };
    },
  };
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    void respond(view, access, request, response);
  });
  server.maxConnections = MAX_CONNECTIONS;
  bound.address = await listen(server, settings.listen, 'http.listen');
  return {
    address: bound.address,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}

async function readToken(file: string): Promise<string> {
  let text: string;
  try {
    text = (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new UserError('TOKEN_UNREADABLE', `http.tokenFile: cannot read ${file}: ${describeError(error)}`, {
      hint: 'write a long random secret into it that only the agent can read',
      exitStatus: EXIT_USAGE,
      cause: error,
    });
  }
  // An empty secret must never mean that none is needed.
  if (text.length < MIN_TOKEN_CHARACTERS) {
    throw new UserError(
      'TOKEN_TOO_SHORT',
      `http.tokenFile: expected at least ${MIN_TOKEN_CHARACTERS} characters in ${file}`,
      {
        hint: 'for example: openssl rand -hex 32',
        exitStatus: EXIT_USAGE,
      },
    );
  }
  return text;
}

/** Compares digests, so that neither the time nor the length tells anything about the secret. */
function hasToken(request: IncomingMessage, token: string): boolean {
  const shown = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (shown === undefined) return false;
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(shown), digest(token));
}
