import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { formatAddress, listen, type ListenAddress } from '../../common/runtime/listen.ts';
import { refuseForeignRequest } from '../../common/runtime/local-guard.ts';
import { createControlApp } from './control-app.ts';
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
export async function startControlServer(wanted: ListenAddress, operations: Operations): Promise<ControlServer> {
  const app = createControlApp(operations);
  // What it really listens on is known only once it does; before that no request can come.
  let address = wanted;
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const refusal = refuseForeignRequest(request, address);
    if (refusal === undefined) app(request, response);
    else refuse(response, refusal);
  });
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_WATCHER_MESSAGE_BYTES });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const url = URL.parse(request.url ?? '/', 'http://control.invalid');
    const refusal = refuseForeignRequest(request, address);
    if (refusal !== undefined || url?.pathname !== WATCH_PATH) {
      socket.end(`HTTP/1.1 ${refusal === undefined ? '404 Not Found' : '403 Forbidden'}\r\nConnection: close\r\n\r\n`);
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
    url: `http://${formatAddress(address)}`,
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

function refuse(response: ServerResponse, reason: string): void {
  response.writeHead(403, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify({ error: { code: 'FOREIGN_REQUEST', message: reason } }));
}
