import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP proxy whose connections can be made half-open: they stay established, and nothing passes any more. */
export interface FreezingProxy {
  readonly port: number;
  /** Freezes the connections there are; new ones pass. Returns how many those were. */
  freeze(): number;
  close(): void;
}

export async function startFreezingProxy(to: { readonly host: string; readonly port: number }): Promise<FreezingProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection(to);
    for (const [from, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (data) => other.write(data));
      from.on('end', () => other.end());
      from.on('error', () => other.destroy());
      from.on('close', () => sockets.delete(from));
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    freeze: () => {
      for (const socket of sockets) {
        socket.removeAllListeners('data').removeAllListeners('end');
        socket.resume();
      }
      return sockets.size / 2;
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
