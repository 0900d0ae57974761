import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type RawData } from 'ws';
import { DEAD_AFTER_MS, HEARTBEAT_MS, MAX_MESSAGE_BYTES } from '../../common/protocol/messages.ts';
import { describeError } from '../../common/runtime/errors.ts';
import type { RandomSource } from '../../common/runtime/random.ts';
import type { AgentKey } from '../enrolment/admission.ts';
import { vmKey } from '../vm-key.ts';
import { Session, type ConnectionRefusal, type SessionParts } from './session.ts';

/** The agents' side of the scheduler. */
export interface Gateway {
  /** Takes over an upgrade request for `AGENT_PATH` that passed the guard. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** A key was made, replaced or revoked: ends the connection of its VM unless that rests on it. */
  holdTo(key: AgentKey): void;
  /** How many connections were refused or ended, by reason; the reasons that there were. */
  refusals(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}

/** More agents than one process should serve; a bound on connections that never say hello as well. */
const MAX_CONNECTIONS = 10_000;
/** How long a closing connection may take to say goodbye. */
const CLOSE_GRACE_MS = 500;

/**
 * Serves the agents. A connection that is silent for `DEAD_AFTER_MS` is dropped, whatever its TCP says: the VM behind it may
 * be frozen, gone or cut off, and counts as lost.
 */
export function createGateway(given: Omit<SessionParts, 'refused'> & { readonly random: RandomSource }): Gateway {
  const refusals: Partial<Record<ConnectionRefusal, number>> = {};
  const parts = {
    ...given,
    refused: (refusal: ConnectionRefusal): void => {
      refusals[refusal] = (refusals[refusal] ?? 0) + 1;
    },
  };
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false });
  const sessions = new Map<Session, () => void>();
  const closing = new Set<Promise<void>>();
  let cancelSweep = (): void => {};

  const sweep = (): void => {
    for (const [session, drop] of sessions) {
      if (session.silentForMs() > DEAD_AFTER_MS) drop();
    }
    for (const socket of server.clients) socket.ping();
    cancelSweep = parts.clock.after(HEARTBEAT_MS, sweep);
  };
  cancelSweep = parts.clock.after(HEARTBEAT_MS, sweep);

  return {
    accept: (request, socket, head) => {
      if (sessions.size >= MAX_CONNECTIONS) {
        socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n');
        return;
      }
      server.handleUpgrade(request, socket, head, (websocket) => {
        const session = new Session(parts.random.uuid(), websocket, parts);
        sessions.set(session, () => {
          websocket.terminate();
        });
        session.open();
        websocket.on('message', (data, isBinary) => {
          if (isBinary) session.refuse('bad-message', 'messages are text');
          else session.receive(textOf(data));
        });
        // What goes wrong on a connection ends it, and `close` follows.
        websocket.on('error', () => {});
        websocket.on('close', () => {
          sessions.delete(session);
          const work = session
            .closed()
            .catch((error: unknown) => {
              parts.log.error({ err: describeError(error) }, 'the end of a connection could not be stored');
            })
            .finally(() => closing.delete(work));
          closing.add(work);
        });
      });
    },
    holdTo: (key) => {
      const ofVm = vmKey(key.scope, key.name);
      for (const session of sessions.keys()) {
        const { vm } = session;
        if (vm !== undefined && vmKey(vm.identity.scope, vm.identity.name) === ofVm) session.holdTo(key);
      }
    },
    refusals: () => ({ ...refusals }),
    close: async () => {
      cancelSweep();
      for (const socket of server.clients) socket.close(1001, 'the scheduler stops');
      const haveLeft = new AbortController();
      const ended = new Promise<void>((resolve) => {
        server.close(() => {
          haveLeft.abort();
          resolve();
        });
      });
      await parts.clock.sleep(CLOSE_GRACE_MS, haveLeft.signal);
      for (const socket of server.clients) socket.terminate();
      await ended;
      await Promise.all(closing);
    },
  };
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8');
  return data instanceof ArrayBuffer ? Buffer.from(data).toString('utf8') : data.toString('utf8');
}
