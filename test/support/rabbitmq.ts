import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import rhea, { type Message } from 'rhea';
import { temporaryFolder } from './temporary-folder.ts';
import { freePort } from './free-port.ts';

const LIBRARY = '/usr/lib/rabbitmq/lib';
/** In CI a missing broker is a failure: the tests must not turn green by not running. */
export const hasRabbitMq = existsSync(LIBRARY) || process.env['CI'] === 'true';
export const RABBITMQ_NEEDS = 'needs: apt-get install rabbitmq-server';

/** It starts within seven seconds on an idle machine. */
const READY_WITHIN_MS = 50_000;
const STOPS_WITHIN_MS = 10_000;

/** Debian's RabbitMQ as a process of its own that speaks AMQP 1.0, with everything it writes in a temporary folder. */
export interface RabbitMq {
  /** Puts a message into a queue; resolves once the broker has accepted it. */
  send(queue: string, message: Message): Promise<void>;
  /** The next message of a queue. */
  receive(queue: string): Promise<Message>;
  stop(): Promise<void>;
}

export async function startRabbitMq(): Promise<RabbitMq> {
  const folder = temporaryFolder();
  const [port, distribution, mapper] = [await freePort(), await freePort(), await freePort()];
  const config = path.join(folder, 'rabbitmq.conf');
  writeFileSync(config, `listeners.tcp.1 = 127.0.0.1:${port}\namqp1_0.default_user = guest\nlog.console = true\n`);
  writeFileSync(path.join(folder, 'enabled_plugins'), '[rabbitmq_amqp1_0].\n');
  const environment = {
    ...process.env,
    HOME: folder,
    ERL_EPMD_PORT: `${mapper}`,
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: `forewarn${port}@localhost`,
    RABBITMQ_DIST_PORT: `${distribution}`,
    RABBITMQ_MNESIA_BASE: path.join(folder, 'mnesia'),
    RABBITMQ_LOG_BASE: path.join(folder, 'log'),
    RABBITMQ_CONFIG_FILE: path.join(folder, 'rabbitmq'),
    RABBITMQ_ENABLED_PLUGINS_FILE: path.join(folder, 'enabled_plugins'),
    RABBITMQ_PID_FILE: path.join(folder, 'pid'),
  };
  const version = readdirSync(LIBRARY).find((name) => name.startsWith('rabbitmq_server-')) ?? '';
  const child = spawn(path.join(LIBRARY, version, 'sbin/rabbitmq-server'), {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const ended = new Promise<void>((resolve) => {
    child.on('exit', () => {
      resolve();
    });
  });
  const stop = async (): Promise<void> => {
    const running = existsSync(path.join(folder, 'pid'))
      ? Number(readFileSync(path.join(folder, 'pid'), 'utf8'))
      : child.pid;
    if (child.exitCode === null && running !== undefined) process.kill(running, 'SIGTERM');
    const deadline = setTimeout(() => child.kill('SIGKILL'), STOPS_WITHIN_MS);
    await ended;
    clearTimeout(deadline);
    try {
      // Erlang's port mapper outlives the nodes that started it; this one is ours alone.
      execFileSync('epmd', ['-port', `${mapper}`, '-kill'], { stdio: 'ignore', env: environment });
    } catch {
      // It has ended already.
    }
  };
  try {
    await new Promise<void>((resolve, reject) => {
      const deadline = setTimeout(() => {
        reject(new Error(`RabbitMQ was not ready within ${READY_WITHIN_MS} ms:\n${output}`));
      }, READY_WITHIN_MS);
      const read = (chunk: Buffer): void => {
        output += chunk.toString();
        if (!/Starting broker\.\.\. completed|Server startup complete/.test(output)) return;
        clearTimeout(deadline);
        resolve();
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.on('exit', (status) => {
        clearTimeout(deadline);
        reject(new Error(`RabbitMQ ended with status ${status}:\n${output}`));
      });
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    send: async (queue, message) => {
      await exchange(port, queue, message);
    },
    receive: async (queue) => await receive(port, queue),
    stop,
  };
}

/** RabbitMQ's plugin now and then ends a connection while the queue's other one is closing; the message is still there then. */
async function receive(port: number, queue: string): Promise<Message> {
  const deadline = performance.now() + STOPS_WITHIN_MS;
  for (;;) {
    try {
      return (await exchange(port, queue)) as Message;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}

/** Over a connection of its own: sends `message`, or takes one. */
async function exchange(port: number, queue: string, message?: Message): Promise<Message | undefined> {
  const connection = rhea
    .create_container()
    .connect({ host: '127.0.0.1', port, username: 'guest', password: 'guest', reconnect: false });
  try {
    return await new Promise<Message | undefined>((resolve, reject) => {
      // This form of the address declares the queue.
      const address = `/queue/${queue}`;
      const failed = (context: { error?: unknown; connection?: { error?: unknown } }): void => {
        reject(
          new Error(
            `RabbitMQ, ${message === undefined ? 'receiving' : 'sending'}, ${connection.is_open() ? 'open' : 'not open'}: ${JSON.stringify(context.error ?? context.connection?.error ?? 'closed')}`,
          ),
        );
      };
      connection.on('connection_error', failed);
      connection.on('disconnected', failed);
      connection.on('session_error', failed);
      if (message === undefined) {
        connection.open_receiver({ source: address });
        connection.on('message', (context) => {
          resolve(context.message);
        });
        return;
      }
      connection.open_sender({ target: address });
      connection.once('sendable', (context) => context.sender?.send(message));
      connection.on('accepted', () => {
        resolve(undefined);
      });
      connection.on('rejected', failed);
    });
  } finally {
    // What it says while it closes is no failure any more; the listeners stay, for nobody else would hear it.
    const closed = new Promise<void>((resolve) => {
      for (const event of ['connection_close', 'disconnected']) {
        connection.once(event, () => {
          resolve();
        });
      }
    });
    connection.close();
    await closed;
  }
}
