import { Agent, request } from 'node:http';
import type { ApplicationProbe } from './drain/settings.ts';

/** Enough of a health page to find a word in it; the rest is not waited for. */
const MAX_BODY_BYTES = 64 * 1024;

const DIRECT = new Agent({ keepAlive: false });

/**
 * Does the application's own probe answer as expected? Never rejects. An application that takes longer than the time-out to
 * say that it is well is not.
 */
export async function probeApplication(probe: ApplicationProbe): Promise<boolean> {
  return await new Promise((resolve) => {
    const outgoing = request(probe.url, { agent: DIRECT, signal: AbortSignal.timeout(probe.timeout) });
    outgoing.on('error', () => {
      resolve(false);
    });
    outgoing.on('response', (response) => {
      const status = response.statusCode ?? 0;
      const isExpected = probe.status.some(({ from, to }) => from <= status && status <= to);
      response.on('error', () => {
        resolve(false);
      });
      const { body } = probe;
      if (!isExpected || body === undefined) {
        response.resume();
        resolve(isExpected);
        return;
      }
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length > MAX_BODY_BYTES) outgoing.destroy();
      });
      response.on('close', () => {
        resolve(Buffer.concat(chunks).toString('utf8').includes(body));
      });
    });
    outgoing.end();
  });
}
