import { createServer } from 'node:http';
import { formatAddress, listen, type ListenAddress } from '../../common/runtime/listen.ts';
import type { Drain } from './drain.ts';

/** Probes come from a handful of balancers a second; more connections than this are no probes. */
const MAX_CONNECTIONS = 256;

/** A probe sends its request at once; whoever does not is not kept. */
const REQUEST_TIMEOUT_MS = 5000;

export interface HealthGate extends Drain {
  readonly address: ListenAddress;
  /** What a probe is told now. */
  isOpen(): boolean;
  close(): Promise<void>;
}

/**
 * The page that load balancers probe: 200 while the VM is in rotation, 503 while it is not, from the first moment closed.
 * Every answer ends its connection, because a balancer that keeps it notices a change later.
 *
 * `isApplicationUp`, where the operator set a probe of the application's own, has to agree before the answer is 200: an
 * agent that is well must not hide an application that is not.
 */
export async function openHealthGate(
  address: ListenAddress,
  isApplicationUp: () => Promise<boolean>,
): Promise<HealthGate> {
  let isOpen = false;
  const server = createServer({ keepAlive: false, requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    request.resume();
    const answer = (status: number, text: string): void => {
      response.writeHead(status, {
        'content-type': 'text/plain',
        'content-length': `${text.length}`,
        connection: 'close',
        'cache-control': 'no-store',
      });
      response.end(request.method === 'HEAD' ? undefined : text);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(405, 'only GET and HEAD\n');
      return;
    }
    if (!isOpen) {
      answer(503, 'out of rotation\n');
      return;
    }
    const answerForApplication = async (): Promise<void> => {
      const isUp = await isApplicationUp();
      // The gate may have closed while the application was asked.
      if (!isOpen) answer(503, 'out of rotation\n');
      else if (isUp) answer(200, 'in rotation\n');
      else answer(503, 'the application does not answer\n');
    };
    // Never rejects: the probe does not, and writing to a response that has gone is ignored.
    void answerForApplication();
  });
  server.maxConnections = MAX_CONNECTIONS;
  const bound = await listen(server, address, 'gate.listen');
  return {
    name: `health gate ${formatAddress(bound)}`,
    address: bound,
    isOpen: () => isOpen,
    start: async () => {
      isOpen = false;
    },
    // The gate sees probes only; how long balancers take to notice is the setting gate.detection.
    read: async () => ({ clear: !isOpen, detail: isOpen ? 'open' : 'closed' }),
    restore: async () => {
      isOpen = true;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}
