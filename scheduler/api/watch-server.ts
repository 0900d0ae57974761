import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Clock } from '../../common/runtime/clock.ts';
import { BELIEVED_FOR_MS, type Access } from '../access/access.ts';
import type { WatchHub } from '../watch.ts';

/** Path of the timeline. */
export const WATCH_PATH = '/forewarn/v1/watch';

/** Whoever reads the timeline too slowly is dropped at this many unsent bytes, and may come again. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
/** Watchers have nothing to say; this is room for a stray ping. */
const MAX_PAYLOAD_BYTES = 1024;
const MAX_WATCHERS = 100;

/** "Policy violation" (RFC 6455, 7.4.1): the token does not hold any more. */
const CLOSE_REVOKED = 1008;

export interface WatchServer {
  /** Never rejects. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
  close(): void;
}

/**
 * Sends every entry of the timeline, from the moment of connecting on, as one JSON text message. Who may watch is asked again
 * all the time: a connection must not outlive the token it came with.
 */
export function createWatchServer(hub: WatchHub, access: Access, clock: Clock): WatchServer {
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_PAYLOAD_BYTES, perMessageDeflate: false });
  const requests = new Map<WebSocket, IncomingMessage>();
  let cancel = (): void => {};
  let isClosed = false;

  const mayWatch = async (request: IncomingMessage): Promise<'yes' | 'unknown' | 'forbidden'> => {
    const verdict = await access.judge(request, WATCH_PATH);
    return verdict.kind === 'allowed' ? 'yes' : verdict.kind;
  };
  const judgeAll = async (): Promise<void> => {
    for (const [websocket, request] of requests) {
      // A store that cannot be asked says nothing against anybody; the next look will.
      const verdict = await mayWatch(request).catch(() => 'yes');
      if (verdict !== 'yes') websocket.close(CLOSE_REVOKED, 'the token does not hold any more');
    }
  };
  const later = (): void => {
    if (isClosed) return;
    cancel = clock.after(BELIEVED_FOR_MS, () => {
      void judgeAll().finally(later);
    });
  };
  later();
  const unsubscribeRevoked = access.onRevoked(() => {
    void judgeAll();
  });

  return {
    accept: async (request, socket, head) => {
      const verdict = await mayWatch(request).catch(() => 'unknown');
      const refusal = verdict === 'yes' ? undefined : verdict === 'unknown' ? '401 Unauthorized' : '403 Forbidden';
      const problem = refusal ?? (server.clients.size >= MAX_WATCHERS ? '503 Service Unavailable' : undefined);
      if (problem !== undefined) {
        socket.end(`HTTP/1.1 ${problem}\r\nConnection: close\r\n\r\n`);
        return;
      }
      server.handleUpgrade(request, socket, head, (websocket) => {
        const unsubscribe = hub.subscribe((entry) => {
          if (websocket.bufferedAmount > MAX_BUFFERED_BYTES) websocket.terminate();
          else if (websocket.readyState === websocket.OPEN) websocket.send(JSON.stringify(entry));
        });
        requests.set(websocket, request);
        // What goes wrong on a connection ends it, and `close` follows.
        websocket.on('error', () => {});
        websocket.on('close', () => {
          requests.delete(websocket);
          unsubscribe();
        });
      });
    },
    close: () => {
      isClosed = true;
      cancel();
      unsubscribeRevoked();
      for (const websocket of server.clients) websocket.terminate();
      server.close();
    },
  };
}
