import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createEventsClient } from '../../../agent/metadata/events-client.ts';
import { readInstance } from '../../../agent/metadata/instance.ts';

const EMPTY = '{"DocumentIncarnation":3,"Events":[]}';
let server: Server | undefined;

/** A metadata service that answers as the test says. Returns its address. */
async function serve(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  server = createServer(handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

describe('the client of the Scheduled Events API', () => {
  it('sends the Metadata header, keeps the connection of polls and of nothing else', async () => {
    const seen: IncomingMessage['headers'][] = [];
    const ports = new Set<number | undefined>();
    const endpoint = await serve((request, response) => {
      seen.push(request.headers);
      ports.add(request.socket.remotePort);
      response.end(EMPTY);
    });
    const client = createEventsClient(endpoint);
    expect(await client.poll()).toEqual({ kind: 'document', document: { incarnation: 3, events: [] } });
    await client.poll();
    expect(ports.size).toBe(1);
    await client.readFresh();
    await client.approve('ABC');
    expect(ports.size).toBe(3);
    expect(seen[0]).toMatchObject({ metadata: 'true', connection: 'keep-alive' });
    expect(seen.slice(2)).toMatchObject([{ connection: 'close' }, { connection: 'close' }]);
  });

  it.each([
    ['that is reset', (response: ServerResponse) => response.socket?.resetAndDestroy()],
    ['that is silent', () => {}],
  ])('asks again over a new connection when a kept one turns out to be dead: one %s', async (_name, fail) => {
    const ports: (number | undefined)[] = [];
    const endpoint = await serve((request, response) => {
      const isReused = ports.includes(request.socket.remotePort);
      ports.push(request.socket.remotePort);
      if (isReused) fail(response);
      else response.end(EMPTY);
    });
    const client = createEventsClient(endpoint);
    await client.poll();
    expect((await client.poll()).kind).toBe('document');
    expect(ports).toHaveLength(3);
    expect(ports[1]).toBe(ports[0]);
  });

  it('goes down through the api-versions on 400 and stays with the one that works', async () => {
    const asked: string[] = [];
    const endpoint = await serve((request, response) => {
      const version = new URL(request.url ?? '', 'http://x').searchParams.get('api-version') ?? '';
      asked.push(version);
      response.statusCode = version > '2017-08-01' ? 400 : 200;
      response.end(EMPTY);
    });
    const client = createEventsClient(endpoint);
    expect((await client.poll()).kind).toBe('document');
    expect((await client.poll()).kind).toBe('document');
    expect(asked).toEqual([
      '2020-07-01',
      '2019-08-01',
      '2019-04-01',
      '2019-01-01',
      '2017-11-01',
      '2017-08-01',
      '2017-08-01',
    ]);
  });

  it('takes 304 for unchanged in a poll, and never asks conditionally when it wants a fresh document', async () => {
    const conditions: (string | undefined)[] = [];
    const endpoint = await serve((request, response) => {
      conditions.push(request.headers['if-none-match']);
      response.setHeader('etag', '"3"');
      response.statusCode = request.headers['if-none-match'] === '"3"' ? 304 : 200;
      response.end(response.statusCode === 200 ? EMPTY : undefined);
    });
    const client = createEventsClient(endpoint);
    await client.poll();
    expect(await client.poll()).toEqual({ kind: 'unchanged' });
    expect((await client.readFresh()).kind).toBe('document');
    expect(conditions).toEqual([undefined, '"3"', undefined]);
  });

  it.each([500, 503, 429, 410, 404, 304, 301, 204])('takes an unasked-for %i for a failure', async (status) => {
    const endpoint = await serve((_request, response) => {
      response.statusCode = status;
      response.end(EMPTY);
    });
    expect((await createEventsClient(endpoint).poll()).kind).toBe('failed');
  });

  it.each([
    ['half a document', (response: ServerResponse) => response.end(EMPTY.slice(0, 20))],
    [
      'a document cut off by the connection',
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-length': EMPTY.length });
        response.write(EMPTY.slice(0, 20), () => response.destroy());
      },
    ],
    ['a wrong type', (response: ServerResponse) => response.end('{"DocumentIncarnation":3,"Events":"none"}')],
    ['a dropped connection', (response: ServerResponse) => response.destroy()],
    ['an endless answer', (response: ServerResponse) => response.end(`{"x":"${'x'.repeat(1_100_000)}"}`)],
  ])('takes %s for a failure', async (_name, answer) => {
    const endpoint = await serve((_request, response) => {
      answer(response);
    });
    expect((await createEventsClient(endpoint).poll()).kind).toBe('failed');
  });

  it('takes a service that is not there for a failure', async () => {
    const endpoint = await serve(() => {});
    server?.close();
    expect((await createEventsClient(endpoint).poll()).kind).toBe('failed');
  });

  it.each([
    [200, 'accepted'],
    [400, 'refused'],
    [500, 'unknown'],
    [429, 'unknown'],
  ])('takes the answer %i to an approval for %s', async (status, outcome) => {
    let body = '';
    const endpoint = await serve((request, response) => {
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        response.statusCode = status;
        response.end();
      });
    });
    expect((await createEventsClient(endpoint).approve('ABC')).outcome).toBe(outcome);
    expect(JSON.parse(body)).toEqual({ StartRequests: [{ EventId: 'ABC' }] });
  });
});

describe('asking the service which VM this is', () => {
  it('reads the name, the vmId and where the VM is', async () => {
    const endpoint = await serve((_request, response) => {
      response.end('{"name":"FrontEnd_IN_0","vmId":"v","platformUpdateDomain":"1","resourceGroupName":"g"}');
    });
    expect(await readInstance(endpoint)).toMatchObject({
      kind: 'instance',
      instance: { name: 'FrontEnd_IN_0', vmId: 'v', updateDomain: '1', zone: '', resourceGroup: 'g' },
    });
  });

  it.each([
    ['no JSON', 200, 'x'],
    ['no vmId', 200, '{"name":"a"}'],
    ['an error', 500, '{}'],
    ['a version that no region has', 400, '{}'],
  ])('fails on %s', async (_name, status, body) => {
    const endpoint = await serve((_request, response) => {
      response.statusCode = status;
      response.end(body);
    });
    expect((await readInstance(endpoint)).kind).toBe('failed');
  });
});
