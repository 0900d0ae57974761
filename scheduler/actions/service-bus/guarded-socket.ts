import { connect as connectPlainly, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import type { AddressGuard } from '../guarded-agent.ts';

/** Where an AMQP connection goes, and what is believed there. */
export interface SocketParts {
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
  readonly guard: AddressGuard;
  readonly ca: readonly string[] | undefined;
  /** Told why there is no connection: the AMQP library says only that there is none. */
  readonly onError: (error: Error) => void;
}

type Handler<Value> = ((value: Value) => void) | null;

/**
 * A TCP or TLS connection in the shape of a WebSocket. Azure's AMQP library connects by itself, to whatever a name resolves to,
 * unless it is given a WebSocket to use; given this, it speaks plain AMQP over a connection to an address that was checked.
 */
export class GuardedSocket {
  onopen: Handler<unknown> = null;
  onmessage: Handler<{ readonly data: Buffer }> = null;
  onclose: Handler<unknown> = null;
  onerror: Handler<{ readonly error: Error; readonly message: string }> = null;
  readonly url: string;
  readonly #socket: Socket | undefined;

  constructor(parts: SocketParts) {
    const { host, port, isSecure, guard, ca } = parts;
    this.url = `${host}:${port}`;
    const fail = (error: Error): void => {
      parts.onError(error);
      this.onerror?.({ error, message: error.message });
      this.onclose?.(error);
    };
    try {
      guard.assertLiteral(host, port);
    } catch (error) {
      // Once the library has set its handlers.
      queueMicrotask(() => {
        fail(error instanceof Error ? error : new Error('refused'));
      });
      return;
    }
    const options = { host, port, lookup: guard.lookup(port) };
    this.#socket = isSecure
      ? connectSecurely({ ...options, servername: host, ...(ca === undefined ? {} : { ca: [...ca] }) })
      : connectPlainly(options);
    this.#socket.setNoDelay();
    this.#socket.once(isSecure ? 'secureConnect' : 'connect', () => this.onopen?.({}));
    this.#socket.on('data', (data) => this.onmessage?.({ data }));
    this.#socket.once('error', fail);
    this.#socket.once('close', () => this.onclose?.({}));
  }

  send(data: Uint8Array): void {
    this.#socket?.write(data);
  }

  close(): void {
    this.#socket?.destroySoon();
  }
}
