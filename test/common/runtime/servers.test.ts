import { createServer, type IncomingMessage } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { UserError } from '../../../common/runtime/errors.ts';
import { requestJson } from '../../../common/runtime/http-json.ts';
import { isLoopback, listen } from '../../../common/runtime/listen.ts';
import { refuseForeignRequest } from '../../../common/runtime/local-guard.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const naming = { what: 'scheduler', option: '--scheduler URL' };

async function startServer(answer: string, status = 200): Promise<string> {
  const server = createServer((_request, response) => {
    response.writeHead(status).end(answer);
  });
  onTestFinished(() => {
    server.close();
  });
  const { port } = await listen(server, { host: '127.0.0.1', port: 0 }, 'listen');
  return `http://127.0.0.1:${port}`;
}

describe('listen', () => {
  it('names the port and the setting when the port is in use', async () => {
    const url = new URL(await startServer(''));
    const second = listen(createServer(), { host: '127.0.0.1', port: Number(url.port) }, 'gate.listen');
    await expect(second).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      exitStatus: 2,
      message: expect.stringMatching(new RegExp(`${url.port}.*setting gate.listen.*in use`)) as string,
    });
  });

  it('says so when the address is not of this machine', async () => {
    const wrong = listen(createServer(), { host: '192.0.2.1', port: 0 }, 'control');
    await expect(wrong).rejects.toThrow('192.0.2.1 is not an address of this machine');
  });

  it.each([
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['0.0.0.0', false],
    ['10.0.0.1', false],
    ['127.0.0.1.example', false],
  ])('knows whether %s is loopback', (host, expected) => {
    expect(isLoopback(host)).toBe(expected);
  });
});

describe('the guard of local servers', () => {
  const listening = { host: '127.0.0.1', port: 7070 };
  const refuse = (headers: Record<string, string>): string | undefined =>
    refuseForeignRequest({ headers, socket: {} } as unknown as IncomingMessage, listening);

  it.each([
    { host: '127.0.0.1:7070' },
    { host: 'localhost:7070' },
    { host: '127.0.0.1:7070', origin: 'http://127.0.0.1:7070' },
  ])('lets %j pass', (headers) => {
    expect(refuse(headers)).toBeUndefined();
  });

  it.each([
    {},
    { host: 'evil.example:7070' },
    { host: '127.0.0.1' },
    { host: '127.0.0.1:7071' },
    { host: '127.0.0.1.evil.example:7070' },
    { host: '127.0.0.1:7070', origin: 'http://evil.example' },
    { host: '127.0.0.1:7070', origin: 'null' },
    { host: '127.0.0.1:7070', 'sec-fetch-site': 'cross-site' },
  ])('refuses %j', (headers) => {
    expect(refuse(headers as Record<string, string>)).toBeTypeOf('string');
  });
});

describe('requestJson', () => {
  it('gives the status and the parsed answer, whatever the status', async () => {
    const url = await startServer('{"error":"no"}', 409);
    const response = await requestJson({ kind: 'http', url }, { method: 'GET', path: '/', timeoutMs: 5000 }, naming);
    expect(response).toMatchObject({ status: 409, body: { error: 'no' } });
  });

  it('says which server is not there and how to choose another', async () => {
    const path = `${temporaryFolder()}/none.sock`;
    const wanted = { method: 'GET', path: '/', timeoutMs: 5000 } as const;
    const error: unknown = await requestJson({ kind: 'socket', path }, wanted, naming).catch(
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({
      code: 'SERVER_UNREACHABLE',
      hint: expect.stringContaining('--scheduler URL') as string,
    });
  });
});
