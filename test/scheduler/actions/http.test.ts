import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../common/runtime/clock.ts';
import { createActions } from '../../../scheduler/actions/actions.ts';
import { describeFailure } from '../../../scheduler/actions/http-failure.ts';
import { KEPT_BODY_CHARACTERS } from '../../../scheduler/actions/http.ts';
import { DEFAULT_ACTION_SETTINGS } from '../../../scheduler/actions/settings.ts';
import type { ActionOutcome } from '../../../scheduler/engine/ending.ts';
import type { HttpAction } from '../../../scheduler/jobs/definition.ts';
import { writeJob } from '../../../scheduler/jobs/job.ts';
import { execution, HTTP_JOB, JOB } from '../../support/scheduler-store.ts';
import { Interrupt } from '../../../scheduler/engine/interrupt.ts';

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

async function target(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const { method, url, headers, rawHeaders } = request;
      seen.push({ method, url, headers, rawHeaders, body });
      answer(request, response);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

async function perform(
  request: HttpAction['request'],
  { allowPrivate = true, interrupt = new Interrupt() } = {},
): Promise<ActionOutcome | undefined> {
  const performer = createActions({
    settings: DEFAULT_ACTION_SETTINGS,
    allowPrivate,
    ownPort: () => undefined,
    region: undefined,
    locationOf: async () => 'local',
    clock: systemClock,
  });
  onTestFinished(async () => {
    await performer.close();
  });
  const job = writeJob(undefined, { ref: JOB, definition: HTTP_JOB, state: 'enabled' }, 1000, 'id');
  const claim = { job, execution: execution(job, { key: 'f'.repeat(32), attempt: 2 }) };
  return await performer.perform({ type: 'Http', request }, claim, interrupt);
}

describe('an HTTP action', () => {
  it('sends what the job says byte for byte, and who it is', async () => {
    const { url, seen } = await target((_request, response) => response.end());
    await perform({
      uri: `${url}/a%2d%2f?b=%3d`,
      method: 'post',
      body: 'hällo',
      headers: { 'ConTent-tYPe': 'text/plain', 'X-Own': 'ä'.normalize('NFC') },
    });
    expect(seen[0]).toMatchObject({
      method: 'POST',
      url: '/a%2d%2f?b=%3d',
      body: 'hällo',
      headers: {
        'content-type': 'text/plain',
        'x-ms-execution-tag': 'f'.repeat(32),
        'x-ms-scheduler-jobid': 'Nightly',
        'x-ms-scheduler-jobcollection': 'Shop',
        'x-ms-scheduler-expected-execution-time': '1970-01-01T00:00:01Z',
        'x-ms-scheduler-attempt': '2',
      },
    });
    expect(seen[0]?.rawHeaders).toContain('ConTent-tYPe');
  });

  it.each(['GET', 'delete', 'Options', 'PROPFIND', 'M-SEARCH', 'TRACE', 'QUERY'])(
    'may have the method %s, with a body and its length',
    async (method) => {
      const { url, seen } = await target((_request, response) => response.end());
      const headers = { 'Content-Length': '1' };
      expect((await perform({ uri: url, method, body: 'x', headers }))?.status).toBe('completed');
      expect(seen[0]).toMatchObject({ method: method.toUpperCase(), body: 'x' });
    },
  );

  it.each([
    [200, 'completed', 'OK'],
    [202, 'completed', 'Accepted'],
    [204, 'completed', 'NoContent'],
    [302, 'failed', 'Redirect'],
    [404, 'failed', 'NotFound'],
    [503, 'failed', 'ServiceUnavailable'],
    [599, 'failed', '599'],
  ] as const)('that is answered %i has %s, and quotes %s', async (status, expected, name) => {
    const { url } = await target((_request, response) => {
      response.writeHead(status, 'Its own words', {
        A: 'b',
        'Set-Cookie': ['c=1', 'd=2'],
        ...(status === 302 ? { Location: 'http://127.0.0.1:1/' } : {}),
      });
      response.end(status === 204 ? undefined : 'the body');
    });
    const outcome = await perform({ uri: url, method: 'GET' });
    expect(outcome?.status).toBe(expected);
    expect(outcome?.message).toMatch(
      new RegExp(
        `^Http Action - Response from host '127.0.0.1': '${name}' Response Headers: A: b\r\nSet-Cookie: c=1, d=2\r\n`,
      ),
    );
    if (status !== 204) expect(outcome?.message).toMatch(/\r\n Body: the body$/);
  });

  it('keeps the names of headers as the server wrote them, and one line for a name that came twice', async () => {
    const { url } = await target((request) => {
      request.socket.end(
        'HTTP/1.1 200 OK\r\nx-LOWER-Upper: 1\r\n7: seven\r\nVia: a\r\nETag: "x"\r\nvIA: b\r\n__proto__: p\r\nContent-Length: 2\r\n\r\nok',
      );
    });
    expect((await perform({ uri: url, method: 'GET' }))?.message).toBe(
      "Http Action - Response from host '127.0.0.1': 'OK' Response Headers: " +
        'x-LOWER-Upper: 1\r\n7: seven\r\nVia: a, b\r\nETag: "x"\r\n__proto__: p\r\nContent-Length: 2\r\n Body: ok',
    );
  });

  it('keeps the first 1024 characters of an endless answer, and reads no more', async () => {
    const { url } = await target((_request, response) => {
      const write = (): void => {
        while (!response.destroyed && response.write('é'.repeat(1000)));
      };
      response.on('drain', write);
      write();
    });
    const outcome = await perform({ uri: url, method: 'GET' });
    expect(outcome?.message.split(' Body: ')[1]).toBe('é'.repeat(KEPT_BODY_CHARACTERS));
  });

  it('to a port where nobody listens fails in the words of the real service', async () => {
    expect(await perform({ uri: 'http://127.0.0.1:1/', method: 'GET' })).toEqual({
      status: 'failed',
      message:
        "Http Action - Request to host '127.0.0.1' failed: ConnectFailure Unable to connect to the remote server",
    });
  });

  it.each([
    ['ENOTFOUND', "NameResolutionFailure The remote name could not be resolved: 'example.org'"],
    ['EAI_AGAIN', "NameResolutionFailure The remote name could not be resolved: 'example.org'"],
    ['EHOSTUNREACH', 'ConnectFailure Unable to connect to the remote server'],
    ['UND_ERR_HEADERS_TIMEOUT', 'Timeout The operation has timed out'],
    ['EPIPE', 'ConnectionClosed write EPIPE'],
  ])('that fails with %s says %s', (code, text) => {
    const error = Object.assign(new Error(`write ${code}`), {
      code,
      name: code === 'UND_ERR_HEADERS_TIMEOUT' ? 'HeadersTimeoutError' : 'Error',
    });
    expect(describeFailure(error, 'example.org')).toBe(text);
  });

  it('whose connection is cut fails', async () => {
    const { url } = await target((request) => request.socket.destroy());
    const outcome = await perform({ uri: url, method: 'GET' });
    expect(outcome).toMatchObject({
      status: 'failed',
      message: expect.stringContaining("Request to host '127.0.0.1' failed:") as string,
    });
  });

  it('is left unfinished when the scheduler stops', async () => {
    const interrupt = new Interrupt();
    const { url } = await target(() => {
      interrupt.request();
    });
    expect(await perform({ uri: url, method: 'GET' }, { interrupt })).toBeUndefined();
  });

  it('to a private address is refused by default, by number and by name, and nothing is sent', async () => {
    const { url, seen } = await target((_request, response) => response.end());
    for (const uri of [
      url,
      url.replace('127.0.0.1', 'localhost'),
      url.replace('127.0.0.1', '0x7f.1'),
      url.replace('127.0.0.1', '[::ffff:127.0.0.1]'),
    ]) {
      const outcome = await perform({ uri, method: 'GET' }, { allowPrivate: false });
      expect([uri, outcome?.status]).toEqual([uri, 'failed']);
      expect(outcome?.message).toMatch(
        /failed: AddressRefused .* is this machine itself; the setting http\.allow: .* permits it, http\.allowPrivate permits it/,
      );
    }
    expect(seen).toEqual([]);
  });
});
