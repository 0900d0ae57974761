import { describe, expect, it } from 'vitest';
import { Secret } from '../../../scheduler/secrets/secret.ts';
import type { HttpAction } from '../../../scheduler/jobs/definition.ts';
import { actionTarget, performOnce, type Answerer, FORBIDDEN, FORBIDDEN_REFUSAL } from '../../support/action-target.ts';

const to =
  (location: string, status: number): Answerer =>
  (request, response) => {
    if (request.url === '/there') response.end('here it is');
    else response.writeHead(status, { location }).end();
  };

const action = (uri: string, request: Partial<HttpAction['request']> = {}): HttpAction => ({
  type: 'Http',
  request: {
    uri,
    method: 'POST',
    body: 'the body',
    headers: { 'X-Token': 'own secret', 'Content-Type': 'text/plain' },
    authentication: { type: 'Basic', username: 'u', password: Secret.of('p') },
    ...request,
  },
});

describe('a redirect', () => {
  it('is not followed unless the settings say so', async () => {
    const { url, seen } = await actionTarget(to('/there', 302));
    const outcome = await performOnce(action(url));
    expect(outcome).toMatchObject({ status: 'failed', message: expect.stringContaining("'Redirect'") as string });
    expect(seen).toHaveLength(1);
  });

  it.each([
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [303, 'PUT', 'GET'],
    [303, 'HEAD', 'HEAD'],
    [302, 'PUT', 'PUT'],
    [307, 'POST', 'POST'],
    [308, 'DELETE', 'DELETE'],
  ] as const)(
    '%i of a %s to the same origin becomes a %s with its headers and credentials',
    async (status, from, becomes) => {
      const { url, seen } = await actionTarget(to('/there', status));
      const outcome = await performOnce(action(url, { method: from }), { followRedirects: 1 });
      expect(outcome?.status).toBe('completed');
      expect(seen[1]).toMatchObject({
        method: becomes,
        url: '/there',
        headers: {
          'x-token': 'own secret',
          authorization: `Basic ${btoa('u:p')}`,
          'x-ms-execution-tag': 'f'.repeat(32),
        },
      });
      expect(seen[1]?.body).toBe(becomes === from ? 'the body' : '');
      if (becomes !== from) expect(seen[1]?.headers).not.toHaveProperty('content-type');
    },
  );

  it('to another origin is sent neither headers of the job nor credentials', async () => {
    const other = await actionTarget((_request, response) => response.end('there'));
    const { url } = await actionTarget(to(`${other.url}/x`, 302));
    const outcome = await performOnce(action(url), { followRedirects: 3 });
    expect(outcome?.message).toMatch(/ Body: there$/);
    expect(other.seen[0]).toMatchObject({ method: 'GET', headers: { 'x-ms-scheduler-jobid': 'Nightly' } });
    expect(other.seen[0]?.headers).not.toHaveProperty('authorization');
    expect(other.seen[0]?.headers).not.toHaveProperty('x-token');
  });

  it('that would take a body to another origin is not followed', async () => {
    const other = await actionTarget((_request, response) => response.end());
    const { url } = await actionTarget(to(other.url, 307));
    const outcome = await performOnce(action(url), { followRedirects: 3 });
    expect(outcome?.message).toMatch(/'RedirectKeepVerb'|'TemporaryRedirect'/);
    expect(other.seen).toEqual([]);
  });

  it('to an address that no job may call is refused', async () => {
    const { url } = await actionTarget(to(`http://${FORBIDDEN}/`, 302));
    const outcome = await performOnce(action(url), { followRedirects: 3 });
    expect(outcome?.message).toMatch(FORBIDDEN_REFUSAL);
  });

  it('in a circle ends after as many as the settings say', async () => {
    const { url, seen } = await actionTarget(to('/again', 302));
    expect((await performOnce(action(url), { followRedirects: 3 }))?.status).toBe('failed');
    expect(seen).toHaveLength(4);
  });
});
