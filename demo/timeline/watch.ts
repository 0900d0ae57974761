import { WebSocket } from 'ws';
import { describeError, UserError } from '../../common/runtime/errors.ts';

/** Longest message of a watch stream; theirs are a few hundred bytes. */
const MAX_MESSAGE_BYTES = 256 * 1024;
/** Both programs are on this machine and have said that they are ready. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Opens the watch stream of one program and calls `take` with every message. Resolves, once it is open, with a function that
 * closes it. A stream that breaks off ends quietly: the program behind it has ended then, and that is reported by itself.
 */
export async function openWatch(url: string, take: (text: string) => void): Promise<() => void> {
  const socket = new WebSocket(url, { maxPayload: MAX_MESSAGE_BYTES, handshakeTimeout: CONNECT_TIMEOUT_MS });
  socket.on('message', (data) => {
    if (Buffer.isBuffer(data)) take(data.toString('utf8'));
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', (error) => {
      reject(new UserError('WATCH_FAILED', `cannot watch ${url}: ${describeError(error)}`, { cause: error }));
    });
  });
  socket.on('error', () => {});
  return () => {
    socket.terminate();
  };
}
