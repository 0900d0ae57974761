import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { describeError, EXIT_FAILURE } from '../../common/runtime/errors.ts';
import { endProcess } from '../../common/runtime/lifecycle.ts';
import type { Log } from '../../common/runtime/log.ts';
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

/** What the thread may be given besides the file. */
export interface ThreadParts {
  readonly log: Log;
  /** Ends the process unless told otherwise. */
  readonly exit?: (status: number) => void;
}

/**
 * In a thread of its own: a write waits for the disk for milliseconds, in which requests go on being sent and answered. Rejects
 * with what SQLite says.
 *
 * Only a bug or a want of memory ends the thread. The process then ends too, at once and by the status of a failure, on which
 * systemd starts it anew: without the thread nothing can be stored, so nothing may be claimed, accepted or agreed to. What
 * anybody was told is stored is in the file; what was under way is repeated by the next start, as after kill -9.
 */
export async function openSqliteInThread(file: string, { log, exit = endProcess }: ThreadParts): Promise<SqliteHandle> {
  const here = import.meta.filename;
  const worker = new Worker(path.join(path.dirname(here), `sqlite-thread${path.extname(here)}`), {
    workerData: file,
    env: {},
  });
  const waiting: ((message: unknown) => void)[] = [];
  let isOpen = false;
  worker.on('message', (message: unknown) => {
    const answer = waiting.shift();
    // It keeps the process alive while somebody waits for it.
    if (waiting.length === 0) worker.unref();
    answer?.(message);
  });
  const onEnd = (why: string): void => {
    if (isOpen) {
      log.error(
        { file, err: why },
        'the thread that has the store open has ended, and with it this process; start it again',
      );
      exit(EXIT_FAILURE);
    }
    isOpen = false;
    for (const answer of waiting.splice(0)) answer({ kind: 'failed', message: `its thread has ended: ${why}` });
  };
  worker.on('error', (error) => {
    onEnd(describeError(error));
  });
  worker.on('exit', (status) => {
    onEnd(`exit status ${status}`);
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
  isOpen = true;
  return {
    ask: async (request) => await send(request),
    close: async () => {
      // It ends because it is told to.
      isOpen = false;
      await send(CLOSE);
      await worker.terminate();
    },
  };
}

function successOf(reply: SqliteReply): SqliteSuccess {
  if (reply.kind === 'failed') throw new Error(reply.message);
  return reply;
}
