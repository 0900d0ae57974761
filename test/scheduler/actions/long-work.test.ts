import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../common/runtime/clock.ts';
import { pollDelayMs, progressOf, statusUrlOf } from '../../../scheduler/actions/long-work.ts';
import type { HttpAction } from '../../../scheduler/jobs/definition.ts';
import { Secret } from '../../../scheduler/secrets/secret.ts';
import {
  actionTarget,
  hurriedClock,
  performOnce,
  type Answerer,
  FORBIDDEN,
  FORBIDDEN_REFUSAL,
} from '../../support/action-target.ts';
import { Interrupt } from '../../../scheduler/engine/interrupt.ts';

const answer = (statusCode: number, headers: Record<string, string> = {}, text = '') => ({
  url: new URL('https://example.org/work'),
  statusCode,
  headers,
  names: Object.keys(headers),
  text,
});

const action = (uri: string): HttpAction => ({
  type: 'Http',
  request: {
    uri,
    method: 'POST',
    body: 'go',
    headers: { 'X-Token': 'own secret', 'Content-Type': 'text/plain' },
    authentication: { type: 'Basic', username: 'u', password: Secret.of('p') },
  },
});

/** Accepts work, and says `states` of it one after the other. */
function worker(location: string, states: readonly ((...args: Parameters<Answerer>) => void)[]): Answerer {
  let next = 0;
  return (...args) => {
    const [request, response] = args;
    if (request.method === 'POST') response.writeHead(202, { location, 'retry-after': '7' }).end();
    else states[Math.min(next++, states.length - 1)]?.(...args);
  };
}

describe('an answer', () => {
  it('that takes longer than its time is a failure in the words of the real service', async () => {
    const { url } = await actionTarget(() => {});
    const limits: number[] = [];
    let nowMs = 0;
    const clock = {
      ...hurriedClock(),
      monotonic: () => nowMs,
      after: (ms: number, callback: () => void) => {
        limits.push(ms);
        return systemClock.after(0, () => {
          nowMs += ms;
          callback();
        });
      },
    };
    expect(await performOnce(action(url), {}, { clock })).toEqual({
      status: 'failed',
      message: "Http Action - Request to host '127.0.0.1' failed: Timeout The operation has timed out",
    });
    expect(limits).toEqual([60_000]);
  });

  it('is to a request that tells where the replica runs, if it was told', async () => {
    const { url, seen } = await actionTarget((_request, response) => response.end());
    await performOnce(action(url), {}, { region: 'westeurope' });
    await performOnce(action(url));
    expect(seen.map(({ headers }) => headers['x-ms-region'])).toEqual(['westeurope', undefined]);
  });
});

describe('an answer 202', () => {
  it('with a status URL is asked for until the work is over, with credentials, at the pace the target wants', async () => {
    const clock = hurriedClock();
    const { url, seen } = await actionTarget(
      worker('/status/1', [
        (_request, response) => response.writeHead(202, { 'retry-after': '3' }).end(),
        (_request, response) => response.writeHead(503).end(),
        (_request, response) => response.writeHead(202, { location: '/status/2' }).end(),
        (_request, response) => response.end('all done'),
      ]),
    );
    const outcome = await performOnce(action(url), {}, { clock });
    expect(outcome).toMatchObject({
      status: 'completed',
      message: expect.stringMatching(/'OK'.* Body: all done$/s) as string,
    });
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'POST /',
      'GET /status/1',
      'GET /status/1',
      'GET /status/1',
      'GET /status/2',
    ]);
    expect(clock.waits).toEqual([7000, 3000, 10_000, 10_000]);
    expect(seen[1]?.headers).toMatchObject({ 'x-token': 'own secret', authorization: `Basic ${btoa('u:p')}` });
    expect(seen[1]?.headers).not.toHaveProperty('content-type');
  });

  it('whose status URL is of another origin tells it no secret', async () => {
    const other = await actionTarget((_request, response) => response.end());
    const { url } = await actionTarget(worker(`${other.url}/status`, []));
    expect((await performOnce(action(url), {}, { clock: hurriedClock() }))?.status).toBe('completed');
    expect(other.seen[0]?.headers).not.toHaveProperty('authorization');
    expect(other.seen[0]?.headers).not.toHaveProperty('x-token');
    expect(other.seen[0]?.headers).toHaveProperty('x-ms-execution-tag');
  });

  it('whose status URL no job may call fails', async () => {
    const { url } = await actionTarget(worker(`http://${FORBIDDEN}/status`, []));
    const outcome = await performOnce(action(url), {}, { clock: hurriedClock() });
    expect(outcome?.message).toMatch(FORBIDDEN_REFUSAL);
  });

  it('fails when its status URL says so, or is gone, or is ill ten times in a row', async () => {
    for (const [status, looks] of [
      [404, 1],
      [500, 10],
    ] as const) {
      const { url, seen } = await actionTarget(
        worker('/s', [(_request, response) => response.writeHead(status).end()]),
      );
      expect((await performOnce(action(url), {}, { clock: hurriedClock() }))?.status).toBe('failed');
      expect(seen).toHaveLength(1 + looks);
    }
  });

  it('is left unfinished when the scheduler stops while it waits', async () => {
    const interrupt = new Interrupt();
    const { url } = await actionTarget((_request, response) => {
      response.writeHead(202, { location: '/s' }).end();
      interrupt.request();
    });
    expect(await performOnce(action(url), {}, { interrupt })).toBeUndefined();
  });
});

describe('a status URL', () => {
  it('is found in the headers that Azure and others use, relative ones too', () => {
    expect(statusUrlOf(answer(202, { location: 'status' }))).toMatchObject({
      kind: 'location',
      url: new URL('https://example.org/status'),
    });
    expect(statusUrlOf(answer(202, { location: '/l', 'operation-location': '/o' }))).toMatchObject({
      kind: 'operation',
      url: new URL('https://example.org/o'),
    });
    expect(statusUrlOf(answer(202, { 'azure-asyncoperation': 'https://other/o' }))).toMatchObject({
      kind: 'operation',
    });
    for (const other of [answer(202), answer(201, { location: '/l' }), answer(202, { location: 'mailto:a@b' })]) {
      expect(statusUrlOf(other)).toBeUndefined();
    }
  });

  it.each([
    ['location', 202, '', 'running'],
    ['location', 200, '{"status":"Running"}', 'succeeded'],
    ['location', 303, '', 'succeeded'],
    ['location', 410, '', 'failed'],
    ['location', 429, '', 'unclear'],
    ['operation', 200, '{"status":"InProgress"}', 'running'],
    ['operation', 202, '{"status":"Succeeded"}', 'succeeded'],
    ['operation', 200, '{"status":"Succeeded"}', 'succeeded'],
    ['operation', 200, '{"status":"Canceled"}', 'failed'],
    ['operation', 200, 'fine', 'succeeded'],
    ['operation', 502, '{"status":"Failed"}', 'unclear'],
  ] as const)('of kind %s that answers %i %s means %s', (kind, status, text, progress) => {
    expect(progressOf(kind, answer(status, {}, text))).toBe(progress);
  });

  it('is asked again after the time that it says, within bounds', () => {
    const now = Date.parse('2027-01-01T00:00:00Z');
    const after = (text: string) => pollDelayMs(answer(202, { 'retry-after': text }), now);
    expect(after('30')).toBe(30_000);
    expect(after('0')).toBe(1000);
    expect(after('999999')).toBe(600_000);
    expect(after('Fri, 01 Jan 2027 00:00:20 GMT')).toBe(20_000);
    expect(after('soon')).toBe(10_000);
    expect(pollDelayMs(answer(202), now)).toBe(10_000);
  });
});
