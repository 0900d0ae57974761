import { connect } from 'node:net';
import { describeError } from '../../common/runtime/errors.ts';

/** HAProxy answers from its event loop within milliseconds; one that is being reloaded or hangs is not waited for. */
const TIMEOUT_MS = 2000;

/** The tables of a balancer with thousands of servers; longer answers are no answers to our questions. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** Where a runtime socket is: a path, or `host:port`. */
export type HaproxyAddress =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** `/run/haproxy/admin.sock` or `127.0.0.1:9999`. */
export function parseHaproxyAddress(text: string): HaproxyAddress {
  const match = /^\[?([^/\]]+)\]?:(\d{1,5})$/.exec(text);
  return match === null ? { kind: 'path', path: text } : { kind: 'tcp', host: match[1] ?? '', port: Number(match[2]) };
}

/**
 * One command to HAProxy's runtime API (HAProxy management guide, section 9.3); resolves with the text of the answer, which
 * is empty for a change that was made. Rejects when there is no answer in time.
 */
export async function askHaproxy(address: HaproxyAddress, command: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket =
      address.kind === 'path' ? connect(address.path) : connect({ host: address.host, port: address.port });
    const chunks: Buffer[] = [];
    let length = 0;
    const fail = (reason: string, cause?: Error): void => {
      socket.destroy();
      reject(new Error(`haproxy did not answer ${JSON.stringify(command)}: ${reason}`, { cause }));
    };
    const deadline = AbortSignal.timeout(TIMEOUT_MS);
    const onDeadline = (): void => {
      fail(`no answer within ${TIMEOUT_MS} ms`);
    };
    deadline.addEventListener('abort', onDeadline, { once: true });
    socket.on('connect', () => {
      socket.write(`${command}\n`);
    });
    socket.on('data', (chunk: Buffer) => {
      length += chunk.length;
      chunks.push(chunk);
      if (length > MAX_ANSWER_BYTES) fail(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    });
    socket.on('error', (error) => {
      deadline.removeEventListener('abort', onDeadline);
      fail(describeError(error), error);
    });
    // Without interactive mode HAProxy closes after the answer.
    socket.on('end', () => {
      deadline.removeEventListener('abort', onDeadline);
      socket.end();
      resolve(Buffer.concat(chunks).toString('utf8').trim());
    });
  });
}
