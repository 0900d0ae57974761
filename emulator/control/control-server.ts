import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { formatAddress, listen, type ListenAddress } from '../../common/runtime/listen.ts';
import type { Certified } from '../credentials/authority.ts';
import { createControlApp } from './control-app.ts';
import { refuseControlRequest, type ControlAccess, type Refusal } from './control-guard.ts';
import type { Operations } from './operations.ts';

/** Path of the WebSocket that tells everything that happens, one JSON activity a message. */
export const WATCH_PATH = '/watch';

/** A watcher that does not read is cut off before its unread messages fill memory. */
const MAX_UNREAD_BYTES = 1024 * 1024;
/** Watchers only listen; anything longer is not from one. */
const MAX_WATCHER_MESSAGE_BYTES = 1024;

export interface ControlServer {
  readonly url: string;
  close(): Promise<void>;
}

/** The operator's side of the emulator: HTTP (`control-app.ts`) and the WebSocket `/watch` (`?recent=true` begins with what was). */
export async function startControlServer(
  wanted: ListenAddress,
  operations: Operations,
  { access, certificate }: { readonly access: ControlAccess; readonly certificate: Certified | undefined },
): Promise<ControlServer> {
  const app = createControlApp(operations);
  // What it really listens on is known only once it does; before that no request can come.
  let address = wanted;
  const server = await createHttpServer(certificate, (request, response) => {
    const refusal = refuseControlRequest(request, address, access);
    if (refusal === undefined) app(request, response);
    else refuse(response, refusal);
  });
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_WATCHER_MESSAGE_BYTES });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const url = URL.parse(request.url ?? '/', 'http://control.invalid');
    const refusal = refuseControlRequest(request, address, access);
    if (refusal !== undefined || url?.pathname !== WATCH_PATH) {
      refuseUpgrade(socket, refusal);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (watcher) => {
      watch(watcher, operations, url.searchParams.get('recent') === 'true');
    });
  });
  address = await listen(server, wanted, 'control');
  server.on('error', () => {
    // A connection could not be accepted (no file left for it): its client sees that; the others go on.
  });
  return {
    url: `${certificate === undefined ? 'http' : 'https'}://${formatAddress(address)}`,
    close: async () => {
      for (const watcher of sockets.clients) watcher.terminate();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      });
    },
  };
}

/** Whoever never speaks TLS is not heard of again after Node's own time limit for handshakes. */
async function createHttpServer(certificate: Certified | undefined, listener: RequestListener): Promise<Server> {
  if (certificate === undefined) return createServer(listener);
  const https = await import('node:https');
  const server = https.createServer({ cert: certificate.certificate, key: certificate.key }, listener);
  server.on('tlsClientError', () => {
    // Plain HTTP, or a client that does not trust the certificate: it knows better than we why it left.
  });
  return server;
}

function watch(watcher: WebSocket, operations: Operations, withRecent: boolean): void {
  const { feed } = operations;
  if (withRecent) for (const activity of feed.recent()) watcher.send(JSON.stringify(activity));
  const unsubscribe = feed.subscribe((activity) => {
    if (watcher.bufferedAmount > MAX_UNREAD_BYTES) watcher.terminate();
    else watcher.send(JSON.stringify(activity));
  });
  watcher.on('close', unsubscribe);
  watcher.on('error', () => {
    // It is closed next, which ends the subscription.
  });
}

function refuse(response: ServerResponse, refusal: Refusal): void {
  response.writeHead(refusal.status, refusalHeaders(refusal));
  response.end(refusalBody(refusal));
}

/** Undefined: there is nothing at that path. */
function refuseUpgrade(socket: Duplex, refusal: Refusal | undefined): void {
  // It may be gone already, and nobody else listens.
  socket.on('error', () => {});
  if (refusal === undefined) {
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
    return;
  }
  const headers = Object.entries(refusalHeaders(refusal)).map(([name, value]) => `${name}: ${value}\r\n`);
  const status = `${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}`;
  socket.end(`HTTP/1.1 ${status}\r\n${headers.join('')}\r\n${refusalBody(refusal)}`);
}

function refusalHeaders(refusal: Refusal): Record<string, string> {
  return {
    'content-type': 'application/json',
    connection: 'close',
    ...(refusal.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
  };
}

function refusalBody({ code, message }: Refusal): string {
  return JSON.stringify({ error: { code, message } });
}
