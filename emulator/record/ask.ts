import { request, type IncomingMessage } from 'node:http';
import { systemErrorCode } from '../../common/runtime/errors.ts';
import { lastingHeaders, type RecordedAnswer } from './recording.ts';

/** Azure's own answers are a few kilobytes; a longer one is from somebody else. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** Asks as a client of Scheduled Events does, and takes whatever comes, an error too, as what the endpoint said. */
export async function askEndpoint(url: URL, timeoutMs: number): Promise<Omit<RecordedAnswer, 'atMs'>> {
  return await new Promise((resolve) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const outgoing = request(url, { headers: { Metadata: 'true', accept: 'application/json' }, agent: false, signal });
    const onError = (error: Error): void => {
      const reason = signal.aborted ? `no answer within ${timeoutMs} ms` : (systemErrorCode(error) ?? error.message);
      resolve({ error: reason });
    };
    outgoing.on('error', onError);
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > MAX_ANSWER_BYTES) outgoing.destroy(new Error(`longer than ${MAX_ANSWER_BYTES} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', onError);
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: headersOf(response), body });
      });
    });
    outgoing.end();
  });
}

function headersOf(response: IncomingMessage): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined) found[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return lastingHeaders(found);
}
