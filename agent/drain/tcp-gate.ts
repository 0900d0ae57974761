import { createServer, type Server } from 'node:net';
import type { Clock } from '../../common/runtime/clock.ts';
import { formatAddress, listen, type ListenAddress } from '../../common/runtime/listen.ts';
import { createSerial } from '../serial.ts';
import type { Drain } from './drain.ts';

/** How often the application is asked while the VM is in rotation; below the shortest probe interval of a balancer. */
const ASK_EVERY_MS = 1000;

const MAX_CONNECTIONS = 256;

export interface TcpGate extends Drain {
  readonly address: ListenAddress;
  close(): Promise<void>;
}

/**
 * The port that TCP probes connect to (Azure Load Balancer, Traffic Manager): taken while the VM is in rotation and the
 * application is well, refused otherwise. Nothing is said on a connection; it is ended at once.
 *
 * It cannot be handed over by systemd, because a socket that systemd holds takes connections whether the VM is in rotation
 * or not: while the agent is restarted, this port is closed.
 */
export async function openTcpGate(
  address: ListenAddress,
  isApplicationUp: () => Promise<boolean>,
  tools: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<TcpGate> {
  const inOrder = createSerial();
  let isIn = false;
  let server: Server | undefined;
  const takes = async (wanted: boolean): Promise<void> => {
    await inOrder(async () => {
      if (wanted && server === undefined) {
        const opened = newServer();
        bound = await listen(opened, bound, 'gate.tcp');
        server = opened;
      } else if (!wanted && server !== undefined) {
        const closed = server;
        server = undefined;
        await closeServer(closed);
      }
    });
  };
  let bound = address;
  // The port is taken once at the start, so that one that cannot be had is told then and not in the middle of the night.
  await takes(true);
  await takes(false);

  const agree = async (): Promise<void> => {
    const isUp = await isApplicationUp();
    await takes(isIn && isUp);
  };
  const follow = async (): Promise<void> => {
    while (await tools.clock.sleep(ASK_EVERY_MS, tools.signal)) {
      try {
        if (isIn) await agree();
      } catch {
        // Somebody else has the port: the balancer sees it closed, and it is asked for again a second later.
      }
    }
  };
  // Never rejects.
  void follow();
  return {
    name: `tcp gate ${formatAddress(bound)}`,
    address: bound,
    start: async () => {
      isIn = false;
      await takes(false);
    },
    read: async () => ({ clear: server === undefined, detail: server === undefined ? 'closed' : 'open' }),
    restore: async () => {
      isIn = true;
      await agree();
    },
    close: async () => {
      isIn = false;
      await takes(false);
    },
  };
}

function newServer(): Server {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.resume();
    socket.end();
  });
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

async function closeServer(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
