import { connect, type Socket } from 'node:net';

/** A frozen instance still takes connections (its kernel does) until its backlog is full; then nobody answers. */
const CONNECT_LIMIT_MS = 20_000;

/**
 * Joins a client with an instance, byte for byte: each direction ends by itself (half-close), waits for its reader
 * (backpressure), and a connection that breaks on one side breaks on the other. A failed connection to the instance is not
 * tried elsewhere: layer 4 knows nothing of requests, and Azure's client would see its SYN go unanswered.
 */
export function forward(client: Socket, target: { readonly host: string; readonly port: number }): Socket {
  const instance = connect({ host: target.host, port: target.port, allowHalfOpen: true, noDelay: true });
  client.setNoDelay(true);
  instance.setTimeout(CONNECT_LIMIT_MS, () => {
    instance.destroy(new Error('no answer'));
  });
  instance.once('connect', () => {
    instance.setTimeout(0);
  });
  client.pipe(instance);
  instance.pipe(client);
  breakTogether(client, instance);
  breakTogether(instance, client);
  return instance;
}

function breakTogether(one: Socket, other: Socket): void {
  let hasFailed = false;
  one.on('error', () => {
    hasFailed = true;
  });
  one.on('close', () => {
    // Both directions ended in order: what was received has been handed on, and the other side ends by itself.
    if (one.readableEnded && !hasFailed) return;
    if (!other.destroyed) other.resetAndDestroy();
  });
}
