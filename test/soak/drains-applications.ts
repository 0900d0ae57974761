import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocketServer } from 'ws';

/** How long a slow answer takes. */
const SLOW_MS = 150;

/** An application behind the balancer that knows when nothing may come to it any more. */
export interface WatchedApplication {
  readonly port: number;
  /** Requests and WebSocket messages so far. */
  served(): number;
  /** From now on every request and every message is a violation, until `allow`. */
  forbid(): void;
  /** Times of what came while it was forbidden, in milliseconds of performance.now(). */
  allow(): readonly number[];
  close(): Promise<void>;
}

/** Answers with its name; `/slow` after a while; WebSocket messages are sent back. */
export async function startWatched(name: string): Promise<WatchedApplication> {
  const seen = { served: 0, isForbidden: false, intruders: [] as number[] };
  const note = (): void => {
    seen.served++;
    if (seen.isForbidden) seen.intruders.push(performance.now());
  };
  const server = createServer((request, response) => {
    note();
    request.resume();
    const answer = async (): Promise<void> => {
      if (request.url === '/slow') await sleep(SLOW_MS);
      response.end(name);
    };
    void answer();
  });
  // Above the balancer's own time-out, so that it is the balancer who ends idle connections.
  server.keepAliveTimeout = 60_000;
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => {
    note();
    socket.on('error', () => {});
    socket.on('message', (data) => {
      note();
      socket.send(data);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    served: () => seen.served,
    forbid: () => {
      seen.intruders = [];
      seen.isForbidden = true;
    },
    allow: () => {
      seen.isForbidden = false;
      return seen.intruders;
    },
    close: async () => {
      for (const client of sockets.clients) client.terminate();
      sockets.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
