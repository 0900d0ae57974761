import { writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AgentView, Operator } from '../../../agent/http/agent-view.ts';
import { openHttp } from '../../../agent/http/open-http.ts';
import { openStatusServer } from '../../../agent/status/status-server.ts';
import { statusOf, type AgentStatus } from '../../../agent/status/status.ts';
import { formatAddress } from '../../../common/runtime/listen.ts';
import { requestJson } from '../../../common/runtime/http-json.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { Bench, inRotation } from '../core/bench.ts';

const TOKEN = 'a-token-of-some-length';
const NOW = { warnings: [], dryRun: false };
const OPEN = statusOf(inRotation().state, 0, NOW);
const CLOSED = statusOf(new Bench().state, 0, NOW);

function viewOf(status: AgentStatus | undefined, change: Partial<AgentView> = {}): AgentView & { orders: unknown[] } {
  const orders: unknown[] = [];
  const operator: Operator = {
    drain: (reason, forMs) => orders.push(['drain', reason, forMs]),
    restore: () => orders.push(['restore']) > 0,
    withdraw: async (eventId) => ({ ok: orders.push(['withdraw', eventId]) < 0, detail: 'an approval was intended' }),
  };
  return {
    orders,
    status: () => status,
    isAlive: () => true,
    metrics: undefined,
    operator: () => status && operator,
    ...change,
  };
}

async function serve(view: AgentView, hasToken = false): Promise<string> {
  const tokenFile = path.join(temporaryFolder(), 'token');
  writeFileSync(tokenFile, `${TOKEN}\n`);
  const server = await openHttp(
    { listen: { host: '127.0.0.1', port: 0 }, metrics: true, tokenFile: hasToken ? tokenFile : undefined },
    view,
  );
  onTestFinished(async () => {
    await server.close();
  });
  return `http://${formatAddress(server.address)}`;
}

const statusAt = async (url: string, init?: RequestInit): Promise<number> => (await fetch(url, init)).status;

describe("the agent's pages", () => {
  it.each([
    ['in rotation', OPEN, true, [200, 200, 200]],
    ['out of rotation after a boot', CLOSED, true, [200, 503, 503]],
    ['hanging, in rotation', OPEN, false, [503, 200, 200]],
    ['asking which VM it is', undefined, true, [200, 503, 503]],
  ] as const)('keep moving, knowing and taking traffic apart: %s', async (_name, status, isAlive, expected) => {
    const url = await serve(viewOf(status, { isAlive: () => isAlive }));
    const found = await Promise.all(
      ['healthz', 'readyz', 'drainz'].map(async (page) => await statusAt(`${url}/${page}`)),
    );
    expect(found).toEqual(expected);
  });

  it('let nobody change anything over HTTP without a token', async () => {
    const view = viewOf(OPEN);
    const url = await serve(view);
    const order = { method: 'POST', headers: { 'x-forewarn': 'true' } };
    expect(await statusAt(`${url}/drain`, order)).toBe(403);
    expect(await statusAt(`${url}/status`)).toBe(200);
    expect(view.orders).toEqual([]);
  });

  it('answer no page of another site, which a browser on this machine may have been led to ask', async () => {
    const url = await serve(viewOf(OPEN));
    expect(await statusAt(`${url}/status`, { headers: { origin: 'http://evil.example' } })).toBe(403);
  });

  it('want the token for everything but health, and obey who shows it', async () => {
    const view = viewOf(OPEN);
    const url = await serve(view, true);
    const authorization = `Bearer ${TOKEN}`;
    const post = { method: 'POST', headers: { authorization, 'x-forewarn': 'true' } };
    expect(await statusAt(`${url}/drainz`)).toBe(200);
    for (const page of ['status', 'events', 'metrics', 'drain', 'nothing'])
      expect(await statusAt(`${url}/${page}`)).toBe(401);
    for (const wrong of ['', 'Bearer', 'Bearer ', `Bearer ${TOKEN}x`, `Basic ${TOKEN}`])
      expect(await statusAt(`${url}/status`, { headers: { authorization: wrong } })).toBe(401);
    expect(await statusAt(`${url}/status`, { headers: { authorization } })).toBe(200);
    expect(await statusAt(`${url}/restore`, { method: 'POST', headers: { authorization } })).toBe(403);
    expect(await statusAt(`${url}/restore`, post)).toBe(202);
    expect(await statusAt(`${url}/drain`, { ...post, body: '{"reason":"kernel","for":"90m"}' })).toBe(202);
    expect(await statusAt(`${url}/withdraw`, { ...post, body: '{"eventId":"E1"}' })).toBe(409);
    expect(view.orders).toEqual([['restore'], ['drain', 'kernel', 5_400_000], ['withdraw', 'E1']]);
  });

  it.each(['{', '[]', '{"for":"soon"}', '{"for":"0s"}', `{"reason":"${'x'.repeat(201)}"}`, 'x'.repeat(5000)])(
    'refuse an order that is none: %.20s',
    async (body) => {
      const view = viewOf(OPEN);
      const headers = { authorization: `Bearer ${TOKEN}`, 'x-forewarn': 'true' };
      expect(await statusAt(`${await serve(view, true)}/drain`, { method: 'POST', headers, body })).toBe(400);
      expect(view.orders).toEqual([]);
    },
  );

  it('do not listen beyond loopback without a token, nor with one that is empty or short', async () => {
    const listen = { host: '0.0.0.0', port: 0 };
    await expect(openHttp({ listen, metrics: false }, viewOf(OPEN))).rejects.toMatchObject({ code: 'TOKEN_MISSING' });
    const tokenFile = path.join(temporaryFolder(), 'token');
    for (const text of ['', '\n', 'short']) {
      writeFileSync(tokenFile, text);
      await expect(openHttp({ listen, tokenFile, metrics: false }, viewOf(OPEN))).rejects.toMatchObject({
        code: 'TOKEN_TOO_SHORT',
      });
    }
  });
});

describe('the control socket', () => {
  it('is open to its own user only, who may change things', async () => {
    const socket = path.join(temporaryFolder(), 'agent.sock');
    const view = viewOf(OPEN);
    const server = await openStatusServer(socket, view);
    onTestFinished(async () => {
      await server.close();
    });
    expect((await stat(socket)).mode & 0o777).toBe(0o600);
    const answer = await requestJson(
      { kind: 'socket', path: socket },
      { method: 'POST', path: '/drain', body: { reason: 'x', for: '1h' }, timeoutMs: 2000 },
      { what: 'agent', option: '--socket' },
    );
    expect(answer.status).toBe(202);
    expect(view.orders).toEqual([['drain', 'x', 3_600_000]]);
  });
});
