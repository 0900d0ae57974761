import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describeError, systemErrorCode, UserError } from '../../common/runtime/errors.ts';
import { formatAddress, listen, type ListenAddress } from '../../common/runtime/listen.ts';
import { answerCompute, type ComputeContext } from './answer.ts';
import type { Authority } from '../credentials/authority.ts';

/** Where the compute API is, for the ready line. */
export interface ComputeServer {
  /** `https://127.0.0.1:PORT`: the endpoint for `@azure/arm-compute`. */
  readonly url: string;
  /** The certificate that its clients are to trust, as PEM; for NODE_EXTRA_CA_CERTS, REQUESTS_CA_BUNDLE and their likes. */
  readonly caFile: string;
  close(): Promise<void>;
}

export interface ComputeServerOptions {
  readonly listen: ListenAddress;
  /** Where the certificate is written; undefined = a temporary folder, removed at the end. */
  readonly caFile: string | undefined;
  readonly authority: Authority;
  readonly context: Omit<ComputeContext, 'url'>;
}

/** The clients send no more than a few parameters, which mean nothing here. */
const MAX_BODY_BYTES = 64 * 1024;

/** Starts the compute API on TLS with a certificate of its own authority: official clients send their token over nothing less. */
export async function startComputeServer(options: ComputeServerOptions): Promise<ComputeServer> {
  const { authority } = options;
  const own = await authority.issue(['localhost', '127.0.0.1', '::1']);
  const temporary = options.caFile === undefined ? await mkdtemp(path.join(tmpdir(), 'forewarn-ca-')) : undefined;
  const caFile = options.caFile ?? path.join(temporary ?? '', 'ca.pem');
  const removeTemporary = async (): Promise<void> => {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  };
  let url = '';
  const context = { ...options.context, url: () => url };
  const server = createServer({ cert: own.certificate, key: own.key }, (request, response) => {
    void serve(request, response, context);
  });
  try {
    await writeCertificate(caFile, authority.certificate);
    url = `https://${formatAddress(await listen(server, options.listen, 'compute.listen'))}`;
  } catch (error) {
    await removeTemporary();
    throw error;
  }
  server.on('error', () => {
    // A connection could not be accepted (no file left for it): its client sees that; the others go on.
  });
  return {
    url,
    caFile,
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      });
      await removeTemporary();
    },
  };
}

async function writeCertificate(file: string, certificate: string): Promise<void> {
  try {
    await writeFile(file, certificate);
  } catch (error) {
    const message = `cannot write the certificate to ${file} (setting compute.caFile): ${systemErrorCode(error) ?? 'failed'}`;
    throw new UserError('FILE_UNUSABLE', message, { exitStatus: 2, cause: error });
  }
}

async function serve(request: IncomingMessage, response: ServerResponse, context: ComputeContext): Promise<void> {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) request.destroy();
  });
  request.on('error', () => {
    // Its client is gone, and so is whoever would read an answer.
  });
  const { method = '', url: target = '/', headers } = request;
  try {
    send(response, await answerCompute({ method, target, authorization: headers.authorization }, context));
  } catch (error) {
    send(response, { status: 500, body: { error: { code: 'InternalServerError', message: describeError(error) } } });
  }
}

function send(response: ServerResponse, answer: Awaited<ReturnType<typeof answerCompute>>): void {
  const body = answer.body === undefined ? '' : JSON.stringify(answer.body);
  const type = body === '' ? {} : { 'content-type': 'application/json; charset=utf-8' };
  response.writeHead(answer.status, { ...answer.headers, ...type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
