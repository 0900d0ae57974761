import { createServer } from 'node:http';
import type { Clock } from '../../common/runtime/clock.ts';
import { formatAddress, listen, type ListenAddress } from '../../common/runtime/listen.ts';
import { answerAt, type Recording } from './recording.ts';

export interface Replay {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  close(): Promise<void>;
}

export interface ReplayOptions {
  readonly recording: Recording;
  readonly listen: ListenAddress;
  /** 2 = twice as fast as it was. */
  readonly speed: number;
  readonly clock: Clock;
}

/**
 * Serves a recording at its own pace, from the start on: every GET, whatever its path and version, gets what the endpoint
 * answered that long after the recording began; where it did not answer, the connection is dropped. An approval (POST) is
 * answered with 200 and changes nothing, because what was has been.
 */
export async function startReplay(options: ReplayOptions): Promise<Replay> {
  const { recording, clock, speed } = options;
  const startedMs = clock.monotonic();
  const server = createServer((request, response) => {
    request.resume();
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(request.method === 'POST' ? 200 : 405, { 'content-length': '0' });
      response.end();
      return;
    }
    const found = answerAt(recording, (clock.monotonic() - startedMs) * speed);
    if (found?.status === undefined) {
      request.destroy();
      return;
    }
    const body = found.body ?? '';
    const isEmpty = found.status === 304 || found.status === 204;
    response.writeHead(found.status, {
      ...found.headers,
      ...(isEmpty ? {} : { 'content-length': `${Buffer.byteLength(body)}` }),
    });
    response.end(isEmpty ? undefined : body);
  });
  const address = await listen(server, options.listen, '--listen');
  return {
    url: `http://${formatAddress(address)}`,
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      });
    },
  };
}
