import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Clock } from '../../common/runtime/clock.ts';
import { formatAddress, listen, type ListenAddress } from '../../common/runtime/listen.ts';
import type { Drain } from './drain.ts';
import { listenInherited } from './inherited-socket.ts';

/** Probes come from a handful of balancers a second; more connections than this are no probes. */
const MAX_CONNECTIONS = 256;

/** A probe sends its request at once; whoever does not is not kept. */
const REQUEST_TIMEOUT_MS = 5000;

/** At its end the gate answers the probes that it has accepted; longer than an application is asked, nobody waits. */
const LAST_ANSWERS_MS = 1500;

export interface HealthGate extends Drain {
  readonly address: ListenAddress;
  /** What a probe is told now. */
  isOpen(): boolean;
  close(): Promise<void>;
}

export interface HealthGateOptions {
  /**
   * Number of a listening socket that systemd holds and passes on: it goes on taking connections while the agent is
   * restarted, so that no probe is refused. Its address has to be `address`.
   */
  readonly inherited?: number | undefined;
  /** What a probe is told while the VM is in rotation, for balancers that expect something of their own. */
  readonly answer?: { readonly status: number; readonly body?: string | undefined };
  /** What it is before anybody says: open only where the VM is in rotation already. */
  readonly isOpen?: boolean;
  readonly clock: Clock;
}

/**
 * The page that load balancers probe, at any path: 200 while the VM is in rotation, 503 while it is not, from the first
 * moment closed unless `isOpen` says otherwise. Every answer ends its connection, because a balancer that keeps it notices a
 * change later.
 *
 * `isApplicationUp`, where the operator set a probe of the application's own, has to agree before the answer is 200: an
 * agent that is well must not hide an application that is not.
 */
export async function openHealthGate(
  address: ListenAddress,
  isApplicationUp: () => Promise<boolean>,
  options: HealthGateOptions,
): Promise<HealthGate> {
  let isOpen = options.isOpen ?? false;
  const open = { status: options.answer?.status ?? 200, text: options.answer?.body ?? 'in rotation\n' };
  const answerForApplication = async (answer: (status: number, text: string) => void): Promise<void> => {
    const isUp = await isApplicationUp();
    // The gate may have closed while the application was asked.
    if (!isOpen) answer(503, 'out of rotation\n');
    else if (isUp) answer(open.status, open.text);
    else answer(503, 'the application does not answer\n');
  };
  // Probes of HTTP/1.0 and of those who leave Host out are probes all the same.
  const limits = { keepAlive: false, requestTimeout: REQUEST_TIMEOUT_MS, requireHostHeader: false };
  const server = createServer(limits, (request, response) => {
    request.resume();
    const answer = (status: number, text: string): void => {
      send(response, status, request.method === 'HEAD' ? { length: Buffer.byteLength(text) } : text);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      answer(405, 'only GET and HEAD\n');
    } else if (!isOpen) answer(503, 'out of rotation\n');
    // Never rejects: the probe does not, and writing to a response that has gone is ignored.
    else void answerForApplication(answer);
  });
  server.maxConnections = MAX_CONNECTIONS;
  const bound =
    options.inherited === undefined
      ? await listen(server, address, 'gate.listen')
      : await listenInherited(server, options.inherited, address);
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
      await closeAnswering(server, options.clock);
    },
  };
}

function send(response: ServerResponse, status: number, text: string | { readonly length: number }): void {
  const length = typeof text === 'string' ? Buffer.byteLength(text) : text.length;
  response.writeHead(status, {
    'content-type': 'text/plain',
    // A 204 has no body, and must not say that it had.
    ...(status === 204 || status === 304 ? {} : { 'content-length': `${length}` }),
    connection: 'close',
    'cache-control': 'no-store',
  });
  response.end(typeof text === 'string' ? text : undefined);
}

/** Takes no more connections, answers those that it has taken, and then ends. */
async function closeAnswering(server: Server, clock: Clock): Promise<void> {
  const cancel = clock.after(LAST_ANSWERS_MS, () => {
    server.closeAllConnections();
  });
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  cancel();
}
