import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { askHaproxy, parseHaproxyAddress } from '../../agent/drain/haproxy-socket.ts';
import { freePort } from '../support/free-port.ts';

const HAPROXY = '/usr/sbin/haproxy';
const hasHaproxy = existsSync(HAPROXY);

/** In CI a missing HAProxy is a failure: the tests must not turn green by not running. */
export const runsHaproxy = hasHaproxy || process.env['CI'] === 'true';

/** HAProxy over two applications, s1 first: s2 only takes what s1 does not. */
export async function startHaproxy(
  options: { readonly withStateFile?: boolean; readonly mode?: 'tcp' | 'http' } = {},
): Promise<{
  readonly folder: string;
  readonly socket: string;
  /** Read by HAProxy at its start when `withStateFile`. */
  readonly stateFile: string;
  readonly port: number;
  /** Port of the application behind server web/s1. */
  readonly firstPort: number;
  /** Lets the requests to `/held` of the first application be answered. */
  release(): void;
  ask(command: string): Promise<string>;
  adminState(): Promise<string>;
  stop(): Promise<void>;
  restart(): Promise<void>;
  close(): Promise<void>;
}> {
  if (!hasHaproxy) throw new Error('haproxy is missing: apt-get install haproxy');
  const folder = await mkdtemp(path.join(tmpdir(), 'forewarn-haproxy-'));
  const socket = path.join(folder, 'admin.sock');
  const held = heldAnswers();
  const [first, second] = [await startApplication('s1', held), await startApplication('s2')];
  const port = await freePort();
  const config = path.join(folder, 'haproxy.cfg');
  const stateFile = path.join(folder, 'server-state');
  await writeFile(
    config,
    `global
  stats socket ${socket} level admin
  server-state-file ${stateFile}
defaults
  load-server-state-from-file ${options.withStateFile === true ? 'global' : 'none'}
  mode ${options.mode ?? 'tcp'}
  timeout connect 2s
  timeout client 30s
  timeout server 30s
frontend in
  bind 127.0.0.1:${port}
  default_backend web
backend web
  balance first
  server s1 127.0.0.1:${portOf(first)}
  server s2 127.0.0.1:${portOf(second)}
`,
  );
  execFileSync(HAPROXY, ['-c', '-q', '-f', config]);
  let process_ = await launch(config, socket);
  const ask = async (command: string): Promise<string> => await askHaproxy(parseHaproxyAddress(socket), command);
  const stopProcess = async (): Promise<void> => {
    if (process_.exitCode !== null || process_.signalCode !== null) return;
    process_.kill('SIGKILL');
    await once(process_, 'exit');
    await rm(socket, { force: true });
  };
  return {
    folder,
    socket,
    stateFile,
    port,
    firstPort: portOf(first),
    release: () => {
      held.release();
    },
    ask,
    adminState: async () => (await ask('show servers state web')).split('\n')[2]?.split(' ')[6] ?? '',
    stop: stopProcess,
    restart: async () => {
      await stopProcess();
      process_ = await launch(config, socket);
    },
    close: async () => {
      await stopProcess();
      await stop(first);
      await stop(second);
      await rm(folder, { recursive: true });
    },
  };
}

async function launch(config: string, socket: string): Promise<ChildProcess> {
  const child = spawn(HAPROXY, ['-db', '-f', config], { stdio: 'ignore' });
  await expect.poll(async () => await canAsk(socket), { timeout: 5000, interval: 5 }).toBe(true);
  return child;
}

async function canAsk(socket: string): Promise<boolean> {
  try {
    await askHaproxy(parseHaproxyAddress(socket), 'show info');
    return true;
  } catch {
    return false;
  }
}

interface HeldAnswers {
  hold(response: ServerResponse): void;
  release(): void;
}

function heldAnswers(): HeldAnswers {
  const responses: ServerResponse[] = [];
  return {
    hold: (response) => {
      responses.push(response);
    },
    release: () => {
      for (const response of responses) response.end('held');
    },
  };
}

export async function startApplication(name = 'app', held = heldAnswers()): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.url === '/held') {
      held.hold(response);
      return;
    }
    // An answer that does not end carries traffic for as long as the test wants.
    if (request.url === '/endless') response.write(name);
    else response.end(name);
  });
  // Longer than any test: whoever ends a connection here, it is not the application.
  server.keepAliveTimeout = 120_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

export async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
