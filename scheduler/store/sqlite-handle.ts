import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { openSqliteConnection } from './sqlite-connection.ts';
import { CLOSE, isReply, type SqliteReply, type SqliteRequest } from './sqlite-requests.ts';

/** The way to the one connection. Requests are performed in the order in which they were made. */
export interface SqliteHandle {
  /** Rejects with what SQLite says. */
  ask(request: SqliteRequest): Promise<SqliteSuccess>;
  close(): Promise<void>;
}

/** A reply that is no failure. */
export type SqliteSuccess = Exclude<SqliteReply, { readonly kind: 'failed' }>;

/** In this thread: for what is in memory, where there is no disk to wait for. Throws what SQLite says. */
export function openSqliteHere(file: string): SqliteHandle {
  const connection = openSqliteConnection(file);
  return {
    ask: async (request) => await Promise.resolve(successOf(connection.perform(request))),
    close: async () => {
      connection.close();
      await Promise.resolve();
    },
  };
}

/**
 * In a thread of its own: a write waits for the disk for milliseconds, in which requests go on being sent and answered. Rejects
 * with what SQLite says. Only a bug ends the thread, and that ends the process too.
 */
export async function openSqliteInThread(file: string): Promise<SqliteHandle> {
  const here = import.meta.filename;
  const worker = new Worker(path.join(path.dirname(here), `sqlite-thread${path.extname(here)}`), {
    workerData: file,
    env: {},
  });
  const waiting: ((message: unknown) => void)[] = [];
  worker.on('message', (message: unknown) => {
    const answer = waiting.shift();
    // It keeps the process alive while somebody waits for it.
    if (waiting.length === 0) worker.unref();
    answer?.(message);
  });
  worker.on('error', (error) => {
    throw error;
  });
  const answered = async (): Promise<SqliteSuccess> => {
    worker.ref();
    const reply = await new Promise((resolve) => {
      waiting.push(resolve);
    });
    return successOf(isReply(reply) ? reply : { kind: 'failed', message: 'no reply' });
  };
  const send = async (message: SqliteRequest | typeof CLOSE): Promise<SqliteSuccess> => {
    worker.postMessage(message, []);
    return await answered();
  };
  try {
    await answered();
  } catch (error) {
    await worker.terminate();
    throw error;
  }
  return {
    ask: async (request) => await send(request),
    close: async () => {
      await send(CLOSE);
      await worker.terminate();
    },
  };
}

function successOf(reply: SqliteReply): SqliteSuccess {
  if (reply.kind === 'failed') throw new Error(reply.message);
  return reply;
}
