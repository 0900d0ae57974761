import { createServer, type Socket } from 'node:net';
import { listen, type ListenAddress } from '../../common/runtime/listen.ts';
import { forward } from './forward.ts';
import type { Pool } from './pool.ts';

/**
 * An address of a cloud service, with the manners of Azure Load Balancer (Standard): a TCP balancer that gives new
 * connections only to instances whose probe answers, by a hash of the flow, and leaves flows that exist alone whatever the
 * probe says. When no instance is healthy, new connections are reset at once (Azure: not delivered; a reset says it sooner).
 */
export interface Balancer {
  readonly address: ListenAddress;
  close(): Promise<void>;
}

/** Flows at a time: two sockets each, well below the usual limit of open files (65,536 for services). */
const MAX_FLOWS = 20_000;

/** `pool` is asked for every new connection, so that a swap of deployments is one assignment. */
export async function startBalancer(options: {
  readonly listen: ListenAddress;
  /** Key of the fleet file that `listen` is from. */
  readonly setting: string;
  readonly pool: () => Pool | undefined;
}): Promise<Balancer> {
  const sockets = new Set<Socket>();
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    track(client);
    client.on('error', () => {
      // Broken by the client; `forward` breaks the other side.
    });
    const taken = options.pool()?.take({
      sourceAddress: client.remoteAddress ?? '',
      sourcePort: client.remotePort ?? 0,
      targetAddress: client.localAddress ?? '',
      targetPort: client.localPort ?? 0,
    });
    if (taken === undefined) {
      client.resetAndDestroy();
      return;
    }
    client.once('close', () => {
      taken.release();
    });
    track(forward(client, taken));
  });
  server.maxConnections = MAX_FLOWS;
  const address = await listen(server, options.listen, options.setting);
  server.on('error', () => {
    // A connection could not be accepted (no file left for it): its client sees that; the others go on.
  });
  return {
    address,
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of sockets) socket.destroy();
      });
    },
  };
}
