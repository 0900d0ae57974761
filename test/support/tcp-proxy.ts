import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** Ends every connection and refuses new ones (they are closed at once). */
  cutOff(): void;
  /**
   * From now on nothing passes in either direction, and nobody is told: every connection is half-open. Returns how many those
   * were.
   */
  freeze(): number;
  /** New connections pass; frozen ones stay dead. */
  heal(): void;
  close(): Promise<void>;
}

/**
 * A proxy on loopback in front of the server on port `target()` of loopback, to take the network away from a client without
 * touching either.
 */
export async function startTcpProxy(target: () => number): Promise<TcpProxy> {
  let state: 'passing' | 'cut' | 'frozen' = 'passing';
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((client) => {
    client.on('error', () => {});
    if (state === 'cut') {
      client.destroy();
      return;
    }
    const upstream = connect({ host: '127.0.0.1', port: target() });
    upstream.on('error', () => client.destroy());
    const pair = [client, upstream] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    client.on('close', end);
    upstream.on('close', end);
    if (state === 'frozen') return;
    client.pipe(upstream);
    upstream.pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endAll = (): void => {
    for (const [client, upstream] of pairs) {
      client.destroy();
      upstream.destroy();
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    cutOff: () => {
      state = 'cut';
      endAll();
    },
    freeze: () => {
      state = 'frozen';
      for (const [client, upstream] of pairs) {
        client.unpipe(upstream);
        upstream.unpipe(client);
        client.pause();
        upstream.pause();
      }
      return pairs.size;
    },
    heal: () => {
      state = 'passing';
    },
    close: async () => {
      endAll();
      server.close();
      await once(server, 'close');
    },
  };
}
