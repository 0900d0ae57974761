import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.ts';
import { startLoad } from '../../demo/load/generator.ts';
import { Ledger } from '../../demo/load/ledger.ts';
import { send } from '../../demo/load/send.ts';

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  }
});

async function serve(
  handle: (route: string, response: ServerResponse) => void,
): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      handle(`${request.method} ${request.url}`, response);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

/** Runs a load until `enough` requests were started. */
async function play(url: string, enough: number): Promise<Ledger> {
  const ledger = new Ledger();
  const load = startLoad({ url, requestsPerSecond: 500, ledger, clock: systemClock });
  await expect.poll(() => ledger.current().requests, { timeout: 5000, interval: 10 }).toBeGreaterThan(enough);
  await load.stop();
  return ledger;
}

describe('the load', () => {
  it('sends pages and orders over kept and new connections, and counts each', async () => {
    let connections = 0;
    let requests = 0;
    let orders = 0;
    const { url, server } = await serve((route, response) => {
      requests += 1;
      if (route === 'POST /orders') {
        orders += 1;
        response.writeHead(202).end(JSON.stringify({ vm: 'a', id: orders }));
      } else response.end(JSON.stringify({ vm: 'a' }));
    });
    server.on('connection', () => (connections += 1));

    const ledger = await play(url, 200);

    const count = ledger.current();
    expect(count).toMatchObject({ failed: 0, requests, ordersAccepted: orders });
    expect(orders).toBeGreaterThan(requests / 6);
    // Half of the requests open a connection of their own; the kept clients need few.
    expect(connections).toBeGreaterThan(requests / 3);
    expect(connections).toBeLessThan(requests * 0.8);
    expect(count.answersByVm.get('a')).toBe(requests - orders);
    // Nobody does these orders, so they stay open.
    expect(count.open).toBe(orders);
  });

  it('comes back on a new connection after an answer that closes the kept one, without a failure', async () => {
    const { url } = await serve((route, response) => {
      response.setHeader('connection', 'close');
      if (route === 'POST /orders') response.writeHead(202).end(JSON.stringify({ vm: 'a', id: 1 }));
      else response.end(JSON.stringify({ vm: 'a' }));
    });
    expect((await play(url, 100)).current().failed).toBe(0);
  });

  it.each([
    ['a broken connection', (response: ServerResponse) => response.destroy(), 'hang up'],
    ['another status', (response: ServerResponse) => response.writeHead(503).end('{}'), 'got 503'],
    ['half an answer', breakOff, 'aborted'],
    ['an answer that is none of the shop', (response: ServerResponse) => response.end('hello'), 'expected'],
  ])('counts %s as a failure and does not try again', async (_case, handle, reason) => {
    let requests = 0;
    const { url } = await serve((_route, response) => {
      requests += 1;
      handle(response);
    });

    const ledger = await play(url, 20);

    expect(ledger.current().failed).toBe(ledger.current().requests);
    expect(requests).toBe(ledger.current().requests);
    expect(ledger.current().failures.some((failure) => failure.reason.includes(reason))).toBe(true);
  });

  it('says how long it waited for an answer that does not come', async () => {
    const { url } = await serve(() => {});
    const result = await send({ url: new URL(url), method: 'GET', agent: false, timeoutMs: 30 }, systemClock);
    expect(result).toEqual({ kind: 'failed', reason: 'no answer within 30 ms' });
  });
});

function breakOff(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': 100 });
  response.write('{"vm"', () => response.destroy());
}
