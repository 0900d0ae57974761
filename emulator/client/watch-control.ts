import { WebSocket } from 'ws';
import { UserError } from '../../common/runtime/errors.ts';
import { tokenRefused, type ControlApi } from './control-client.ts';

/** Somebody who is told what happens in an emulator. */
export interface Watching {
  /** Resolves once everything that happens from now on is told; rejects when it cannot be watched. */
  readonly opened: Promise<void>;
  /** Resolves after `stop`; rejects when the emulator ends, or cannot be watched at all. */
  readonly ended: Promise<void>;
  stop(): void;
}

/** Watches an emulator by its control API: `listener` gets each activity as JSON. */
export function watchControl(
  { url, token, ca }: ControlApi,
  options: { readonly isRecent: boolean },
  listener: (text: string) => void,
): Watching {
  const address = `${url.replace(/^http/, 'ws')}/watch?recent=${options.isRecent}`;
  const socket = new WebSocket(address, {
    ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
    ...(ca === undefined ? {} : { ca }),
  });
  let isStopped = false;
  socket.on('message', (data: Buffer) => {
    listener(data.toString('utf8'));
  });
  const ended = new Promise<void>((resolve, reject) => {
    socket.on('unexpected-response', (request, response) => {
      request.destroy();
      const status = response.statusCode ?? 0;
      const message = `${url} answered ${status}: is an emulator's control API there?`;
      reject(status === 401 ? tokenRefused(url, token) : new UserError('NOT_AN_EMULATOR', message));
    });
    socket.on('error', (error) => {
      if (isStopped) return;
      const hint = 'is it running there? --control URL (or FOREWARN_CONTROL) chooses another';
      reject(new UserError('SERVER_UNREACHABLE', `cannot watch the emulator at ${url}: ${error.message}`, { hint }));
    });
    socket.on('close', () => {
      if (isStopped) resolve();
      else reject(new UserError('SERVER_CLOSED', `the emulator at ${url} has ended`));
    });
  });
  const opened = Promise.race([
    ended,
    new Promise<void>((resolve) => {
      socket.on('open', resolve);
    }),
  ]);
  // Whoever waits for one of the two only is not to be surprised by the other.
  ended.catch(() => {});
  opened.catch(() => {});
  return {
    opened,
    ended,
    stop: () => {
      isStopped = true;
      socket.terminate();
    },
  };
}
