// The thread that has a SQLite file open: it waits for the disk, so that nobody else does.
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { describeError } from '../../common/runtime/errors.ts';
import { openSqliteConnection } from './sqlite-connection.ts';
import { CLOSE, isRequest, type SqliteReply } from './sqlite-requests.ts';

const DONE: SqliteReply = { kind: 'done', changes: 0, insertId: 0 };

if (parentPort !== null) serve(parentPort, String(workerData));

/** The first reply is to the opening; then one to each request, in their order. */
function serve(port: MessagePort, file: string): void {
  const reply = (message: SqliteReply): void => {
    port.postMessage(message, []);
  };
  try {
    const connection = openSqliteConnection(file);
    port.on('message', (message: unknown) => {
      if (isRequest(message)) reply(connection.perform(message));
      if (message !== CLOSE) return;
      connection.close();
      reply(DONE);
      port.close();
    });
    reply(DONE);
  } catch (error) {
    reply({ kind: 'failed', message: describeError(error) });
  }
}
