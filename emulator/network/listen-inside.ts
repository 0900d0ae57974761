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

/**
 * Listens inside a network namespace, from here: a program that is started there opens the socket, hands it over and ends. A
 * socket stays in the namespace that it was made in. So the service belongs to the platform: it is up while its VM boots, and
 * no VM that is frozen freezes it.
 */
export async function listenInside(
  place: { readonly launcher: readonly string[]; readonly nodeFile: string; readonly address: ListenAddress },
  onConnection: (client: Socket) => void,
): Promise<Server> {
  const { host, port } = place.address;
  const [program = '', ...words] = place.launcher;
  const opener = spawn(program, [...words, place.nodeFile, ...OPENER_FLAGS, openerFile(), host, `${port}`], {
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
  const given = await Promise.race([
    new Promise<Server>((resolve) => {
      opener.on('message', (_message: unknown, handle: unknown) => {
        if (handle instanceof Server) resolve(handle);
      });
    }),
    ended,
  ]);
  if (given === undefined) {
    throw new UserError('LISTEN_FAILED', `could not listen on ${host}:${port} of a VM's own network: ${said.trim()}`);
  }
  // A server of our own on that socket, because the one that was handed over ends a client's half-closed connection whole.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, onConnection);
  server.listen(given);
  server.on('error', () => {
    // A connection could not be accepted (no file left for it): its client sees that; the others go on.
  });
  if (opener.connected) opener.disconnect();
  await exited;
  return server;
}

const OPENER_FLAGS = ['--max-semi-space-size=1', '--disable-warning=ExperimentalWarning'];

/** Beside this file, and like it TypeScript or, in the published package, JavaScript. */
function openerFile(): string {
  const here = fileURLToPath(import.meta.url);
  return path.join(path.dirname(here), `socket-opener${path.extname(here)}`);
}
