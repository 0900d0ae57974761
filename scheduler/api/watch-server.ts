import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { WatchHub } from '../watch.ts';

/** Path of the timeline. */
export const WATCH_PATH = '/forewarn/v1/watch';

/** Whoever reads the timeline too slowly is dropped at this many unsent bytes, and may come again. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
/** Watchers have nothing to say; this is room for a stray ping. */
const MAX_PAYLOAD_BYTES = 1024;
const MAX_WATCHERS = 100;

export interface WatchServer {
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): void;
}

/** Sends every entry of the timeline, from the moment of connecting on, as one JSON text message. */
export function createWatchServer(hub: WatchHub): WatchServer {
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_PAYLOAD_BYTES, perMessageDeflate: false });
  return {
    accept: (request, socket, head) => {
      if (server.clients.size >= MAX_WATCHERS) {
        socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n');
        return;
      }
      server.handleUpgrade(request, socket, head, (websocket) => {
        const unsubscribe = hub.subscribe((entry) => {
          if (websocket.bufferedAmount > MAX_BUFFERED_BYTES) websocket.terminate();
          else if (websocket.readyState === websocket.OPEN) websocket.send(JSON.stringify(entry));
        });
        // What goes wrong on a connection ends it, and `close` follows.
        websocket.on('error', () => {});
        websocket.on('close', unsubscribe);
      });
    },
    close: () => {
      for (const websocket of server.clients) websocket.terminate();
      server.close();
    },
  };
}
