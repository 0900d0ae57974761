import { request } from 'node:http';
import type { Clock } from '../../common/runtime/clock.ts';

/** A light load on one address, to see whether maintenance is noticed there. */
export interface Load {
  /** Sends no more, waits for what is under way, and tells. */
  finish(): Promise<LoadResult>;
}

export interface LoadResult {
  readonly url: string;
  readonly sent: number;
  readonly failed: number;
  /** What happened to the first that failed. */
  readonly firstFailure: string | undefined;
}

/** Slower than this is as good as lost to whoever waits. */
const TIMEOUT_MS = 5000;
/** When so many wait, no further one is sent: each of them will fail by time-out and say so. */
const MAX_WAITING = 200;

/** Each request takes a connection of its own, as strangers do, so that a balancer chooses anew each time. */
export function startLoad(options: { readonly url: string; readonly everyMs: number; readonly clock: Clock }): Load {
  const { url, everyMs, clock } = options;
  const waiting = new Set<Promise<void>>();
  const stopping = new AbortController();
  let sent = 0;
  let failed = 0;
  let firstFailure: string | undefined;

  const sendOne = async (): Promise<void> => {
    const problem = await ask(url, clock);
    if (problem === undefined) return;
    failed++;
    firstFailure ??= `request ${sent}: ${problem}`;
  };
  const sending = (async () => {
    while (!stopping.signal.aborted) {
      if (waiting.size < MAX_WAITING) {
        sent++;
        const one: Promise<void> = sendOne().finally(() => waiting.delete(one));
        waiting.add(one);
      }
      await clock.sleep(everyMs, stopping.signal);
    }
  })();
  return {
    finish: async () => {
      stopping.abort();
      await sending;
      await Promise.all(waiting);
      return { url, sent, failed, firstFailure };
    },
  };
}

/** Undefined when it was answered below 400; else what went wrong. */
export async function ask(url: string, clock: Clock): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const outgoing = request(url, { agent: false, headers: { connection: 'close' } });
    const finish = (problem: string | undefined): void => {
      cancel();
      resolve(problem);
    };
    const cancel = clock.after(TIMEOUT_MS, () => {
      finish(`no answer within ${TIMEOUT_MS} ms`);
      outgoing.destroy();
    });
    outgoing.on('error', (error) => {
      finish(error.message);
    });
    outgoing.on('response', (response) => {
      const { statusCode = 0 } = response;
      response.resume();
      response.on('error', (error) => {
        finish(error.message);
      });
      response.on('end', () => {
        finish(statusCode < 400 ? undefined : `status ${statusCode}`);
      });
    });
    outgoing.end();
  });
}
