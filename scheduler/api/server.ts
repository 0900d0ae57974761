import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Express } from 'express';
import { AGENT_PATH } from '../../common/protocol/messages.ts';
import type { ListenAddress } from '../../common/runtime/listen.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { WATCH_PATH, type WatchServer } from './watch-server.ts';
import { refuseForeign } from './refuse-foreign.ts';

/** Longest a client may take to send its request. */
const REQUEST_TIMEOUT_MS = 30_000;

/** One port for all: requests go to the app, the two WebSocket paths to their rooms. */
export function createApiServer(parts: {
  readonly app: Express;
  readonly gateway: Gateway;
  readonly watch: WatchServer;
  readonly listening: () => ListenAddress;
  readonly hosts: ReadonlySet<string>;
  /** Certificate and key as PEM; without them the server speaks plain HTTP. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
}): Server {
  const options = { requestTimeout: REQUEST_TIMEOUT_MS };
  const server =
    parts.tls === undefined
      ? createServer(options, parts.app)
      : createTlsServer({ ...options, ...parts.tls, minVersion: 'TLSv1.2' }, parts.app);
  server.on('upgrade', (request, socket, head) => {
    // A client that resets while it is being answered must not become an exception of the process.
    socket.on('error', () => {});
    // Here and not in the app: an upgrade never passes through Express.
    if (refuseForeign(request, parts) !== undefined) {
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
      return;
    }
    const path = (request.url ?? '').split('?')[0];
    if (path === AGENT_PATH) parts.gateway.accept(request, socket, head);
    else if (path === WATCH_PATH) void parts.watch.accept(request, socket, head);
    else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
  });
  return server;
}
