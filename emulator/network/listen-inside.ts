import { spawn } from 'node:child_process';
import { createServer, Server, type Socket } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../../common/runtime/errors.ts';
import type { ListenAddress } from '../../common/runtime/listen.ts';

/** A machine under heavy load needs seconds to start a process. */
const LIMIT_MS = 15_000;
/** Of what the opener says when it fails. */
const MAX_MESSAGE = 2000;

/** A socket to be opened inside, and who takes its connections. */
export interface InsideSocket {
  readonly address: ListenAddress;
  readonly onConnection: (client: Socket) => void;
}

/**
 * Listens inside a network namespace, from here: a program that is started there opens the sockets, hands them over and ends.
 * A socket stays in the namespace that it was made in. So the service belongs to the platform: it is up while its VM boots,
 * and no VM that is frozen freezes it.
 */
export async function listenInside(
  place: { readonly launcher: readonly string[]; readonly nodeFile: string },
  sockets: readonly InsideSocket[],
): Promise<readonly Server[]> {
  const addresses = sockets.flatMap(({ address }) => [address.host, `${address.port}`]);
  const [program = '', ...words] = place.launcher;
  const opener = spawn(program, [...words, place.nodeFile, ...OPENER_FLAGS, openerFile(), ...addresses], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  let said = '';
  opener.stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < MAX_MESSAGE) said += text;
  });
  const ended = new Promise<void>((resolve) => {
    opener.once('close', () => {
      resolve();
    });
    opener.once('error', (error) => {
      said += error.message;
      resolve();
    });
  });
  // A process whose channel is closed from here tells of its exit, but not always of its close.
  const exited = new Promise<void>((resolve) => {
    opener.once('exit', () => {
      resolve();
    });
  });
  const given: Server[] = [];
  await Promise.race([
    new Promise<void>((resolve) => {
      opener.on('message', (_message: unknown, handle: unknown) => {
        if (handle instanceof Server) given.push(handle);
        if (given.length === sockets.length) resolve();
      });
    }),
    ended,
  ]);
  if (given.length < sockets.length) {
    for (const handle of given) handle.close();
    const what = sockets.map(({ address }) => `${address.host}:${address.port}`).join(', ');
    throw new UserError('LISTEN_FAILED', `could not listen on ${what} of a VM's own network: ${said.trim()}`);
  }
  const servers = sockets.map(({ onConnection }, index) => serverOn(given[index], onConnection));
  if (opener.connected) opener.disconnect();
  await exited;
  return servers;
}

/** A server of our own on the socket, because the one that was handed over ends a client's half-closed connection whole. */
function serverOn(handle: Server | undefined, onConnection: InsideSocket['onConnection']): Server {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, onConnection);
  server.listen(handle);
  server.on('error', () => {
    // A connection could not be accepted (no file left for it): its client sees that; the others go on.
  });
  return server;
}

const OPENER_FLAGS = ['--max-semi-space-size=1', '--disable-warning=ExperimentalWarning'];

/** Beside this file, and like it TypeScript or, in the published package, JavaScript. */
function openerFile(): string {
  const here = fileURLToPath(import.meta.url);
  return path.join(path.dirname(here), `socket-opener${path.extname(here)}`);
}
