import { connect } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openHealthGate, type HealthGate } from '../../../agent/drain/health-gate.ts';
import { systemClock } from '../../../common/runtime/clock.ts';
import { countEstablished } from '../../../agent/drain/established-connections.ts';

describe('the health gate', () => {
  let gate: HealthGate;
  let isUp = true;
  beforeEach(async () => {
    isUp = true;
    gate = await openHealthGate({ host: '127.0.0.1', port: 0 }, async () => isUp, { clock: systemClock });
  });
  afterEach(async () => {
    await gate.close();
  });
  const ask = async (text: string): Promise<string> => {
    const socket = connect(gate.address.port, '127.0.0.1');
    socket.write(text);
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
    });
    await once(socket, 'close');
    return answer;
  };
  const probe = async (): Promise<string> =>
    await ask('GET /drainz HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n');

  it('is closed from the first moment', async () => {
    expect(await probe()).toMatch(/^HTTP\/1\.1 503 /);
  });

  it('ends every connection with its answer, whatever the prober asked for', async () => {
    await gate.restore();
    const answer = await probe();
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer.toLowerCase()).toContain('connection: close');
    expect(answer.toLowerCase()).not.toContain('keep-alive');
  });

  it('says 503 while the application does not answer, in rotation or not', async () => {
    await gate.restore();
    isUp = false;
    expect(await probe()).toContain('the application does not answer');
    isUp = true;
    expect(await probe()).toMatch(/^HTTP\/1\.1 200 /);
    await gate.start();
    expect(await probe()).toContain('out of rotation');
  });

  // What each of them sends is from its documentation: "Azure Load Balancer health probes", "Application Gateway health
  // monitoring overview", "Traffic Manager endpoint monitoring".
  it.each([
    ['Azure Load Balancer', 'GET /probe HTTP/1.1\r\nHost: 10.0.0.4:80\r\nUser-Agent: Load Balancer Agent\r\n\r\n'],
    ['Application Gateway', 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n'],
    ['Traffic Manager', 'GET /health?x=1 HTTP/1.1\r\nHost: www.contoso.com\r\nAccept: */*\r\n\r\n'],
    ['HAProxy with http-check send meth GET', 'GET / HTTP/1.0\r\n\r\n'],
    ['a prober that leaves Host out', 'GET / HTTP/1.1\r\n\r\n'],
  ])('answers a probe of %s by the rotation, and closes', async (_name, request) => {
    expect(await ask(request)).toMatch(/^HTTP\/1\.1 503 /);
    await gate.restore();
    expect(await ask(request)).toMatch(/^HTTP\/1\.1 200 [\s\S]*connection: close/i);
  });

  it('answers HEAD without a body', async () => {
    await gate.restore();
    const answer = await ask('HEAD / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer.endsWith('\r\n\r\n')).toBe(true);
  });

  it('answers with the status and the text that a balancer was told to expect', async () => {
    const own = await openHealthGate({ host: '127.0.0.1', port: 0 }, async () => isUp, {
      clock: systemClock,
      answer: { status: 218, body: 'healthy: yes' },
    });
    await own.restore();
    const address = gate.address.port;
    expect(address).not.toBe(own.address.port);
    const told = await fetch(`http://127.0.0.1:${own.address.port}/`);
    expect([told.status, await told.text()]).toEqual([218, 'healthy: yes']);
    await own.start();
    expect((await fetch(`http://127.0.0.1:${own.address.port}/`)).status).toBe(503);
    await own.close();
  });

  it('answers the probe that it has taken before it ends', async () => {
    let letGo: (isUp: boolean) => void = () => {};
    const slow = await openHealthGate(
      { host: '127.0.0.1', port: 0 },
      async () =>
        await new Promise<boolean>((resolve) => {
          letGo = resolve;
        }),
      { clock: systemClock, isOpen: true },
    );
    const answer = fetch(`http://127.0.0.1:${slow.address.port}/`);
    await expect.poll(() => letGo.length).toBe(1);
    const closed = slow.close();
    letGo(true);
    expect((await answer).status).toBe(200);
    await closed;
  });

  it('can be read and not written', async () => {
    await gate.restore();
    expect(await ask('POST /drainz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n')).toMatch(/^HTTP\/1\.1 405 /);
    expect(gate.isOpen()).toBe(true);
  });

  it('names its setting when the port is taken', async () => {
    await expect(openHealthGate(gate.address, async () => true, { clock: systemClock })).rejects.toThrow(
      '(setting gate.listen)',
    );
  });
});

describe('counting connections', () => {
  const HEADER = '  sl  local_address rem_address   st tx_queue';
  it('counts the established ones whose local port is served, of IPv4 and IPv6', () => {
    const table = [
      HEADER,
      '   0: 00000000:1F90 00000000:0000 0A 00000000:00000000',
      '   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000',
      '   2: 0100007F:C350 0100007F:1F90 01 00000000:00000000',
      '   3: 0100007F:1F90 0100007F:C351 06 00000000:00000000',
      '   4: 00000000000000000000000001000000:1F90 00000000000000000000000001000000:C352 01 0:0',
      '',
    ].join('\n');
    expect(countEstablished(table, new Set([8080]))).toBe(2);
    expect(countEstablished(table, new Set([80]))).toBe(0);
    expect(countEstablished('', new Set([80]))).toBe(0);
  });
});
