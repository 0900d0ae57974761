import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../../scheduler/api/app.ts';
import type { ApiParts } from '../../../scheduler/api/parts.ts';
import { openScheduler, type RunningScheduler } from '../../support/running-scheduler.ts';

const SHOP = '/subscriptions/S/resourceGroups/G/providers/Microsoft.Scheduler/jobCollections/Shop';
const OTHER = SHOP.replace('Shop', 'Other');
const OWNER_TOKEN = 'an-owner-token-for-tests';
const ROLES = ['reader', 'operator', 'contributor', 'owner'] as const;

/** The role that each route takes, and where: on its collection, anywhere, or on everything. */
const TABLE: Readonly<
  Record<string, readonly [(typeof ROLES)[number] | 'anybody', 'collection' | 'within' | 'everything']>
> = {
  'GET /forewarn/v1/me': ['anybody', 'everything'],
  'GET /forewarn/v1/health': ['reader', 'everything'],
  'GET /metrics': ['reader', 'everything'],
  'GET /forewarn/v1/vms': ['reader', 'everything'],
  'GET /forewarn/v1/rollouts': ['reader', 'everything'],
  'GET /forewarn/v1/rollouts/:id': ['reader', 'everything'],
  'POST /forewarn/v1/preview': ['reader', 'within'],
  'GET /forewarn/v1/calendars': ['reader', 'within'],
};

function expectationOf(method: string, route: string): (typeof TABLE)[string] {
  const known = TABLE[`${method} ${route}`];
  if (known !== undefined) return known;
  if (route.startsWith('/forewarn/v1/events')) return [method === 'GET' ? 'reader' : 'operator', 'everything'];
  const isRead = method === 'GET' || method === 'HEAD';
  const azure = route.replace('/forewarn/v1', '');
  if (azure.includes('/jobCollections/:collection')) {
    if (isRead) return ['reader', 'collection'];
    return [/\/(run|enable|disable)$/.test(azure) ? 'operator' : 'contributor', 'collection'];
  }
  if (azure.startsWith('/subscriptions')) return isRead ? ['reader', 'within'] : ['contributor', 'everything'];
  // Whatever nobody thought of.
  return ['owner', 'everything'];
}

/** Every route that the application really has. */
function routes(): readonly (readonly [method: string, route: string])[] {
  const app = createApp({ access: {} } as ApiParts);
  return app.router.stack.flatMap(({ route }) =>
    route === undefined ? [] : route.stack.map((layer) => [layer.method.toUpperCase(), route.path] as const),
  );
}

describe('every route', () => {
  let shared: RunningScheduler;
  const tokens = new Map<string, string>();
  const folder = mkdtempSync(path.join(tmpdir(), 'forewarn-test-'));

  beforeAll(async () => {
    const file = path.join(folder, 'owner.token');
    writeFileSync(file, `${OWNER_TOKEN}\n`, { mode: 0o600 });
    shared = await openScheduler({ access: { isOpen: false, ownerTokenFile: file } });
    for (const [where, scope] of [
      ['everything', '/'],
      ['collection', SHOP],
      ['other', OTHER],
    ] as const) {
      for (const role of ROLES) {
        const name = `${role}-${where}`;
        await asOwner('put', `/forewarn/v1/users/${name}`, { grants: [{ role, scope }] });
        const { body } = await asOwner('post', `/forewarn/v1/users/${name}/tokens`, {});
        tokens.set(name, (body as { token: string }).token);
      }
    }
  });

  afterAll(async () => {
    await shared.scheduler.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function asOwner(method: 'put' | 'post', at: string, body: object) {
    return await request(shared.url)[method](at).set('Authorization', `Bearer ${OWNER_TOKEN}`).send(body);
  }

  async function ask(method: string, route: string, token: string | undefined): Promise<number> {
    const at = route
      .replace(':subscription', 'S')
      .replace(':resourceGroup', 'G')
      .replace(':collection', 'Shop')
      .replace(/:\w+/g, 'nobody');
    const verb = method.toLowerCase() as 'get';
    const sent = request(shared.url)[verb](at).query({ 'api-version': '2016-03-01' });
    if (token !== undefined) sent.set('Authorization', `Bearer ${token}`);
    // A body that is refused for what it is, after it was let in.
    if (!['get', 'head', 'delete'].includes(verb)) sent.send({ nonsense: true });
    return (await sent).status;
  }

  it('is in the table with what the application has', () => {
    const all = routes().map(([method, route]) => `${method} ${route}`);
    expect(all.length).toBeGreaterThan(25);
    expect(Object.keys(TABLE).filter((row) => !all.includes(row))).toEqual([]);
  });

  it.each(routes())(
    '%s %s wants a token, and lets in the roles that it should and no others',
    async (method, route) => {
      expect(await ask(method, route, undefined)).toBe(401);
      expect(await ask(method, route, 'x'.repeat(43))).toBe(401);
      const [wanted, where] = expectationOf(method, route);
      for (const role of ROLES) {
        const isEnough = wanted === 'anybody' || ROLES.indexOf(role) >= ROLES.indexOf(wanted);
        const expected: Record<string, boolean> = {
          everything: isEnough,
          collection: isEnough && (wanted === 'anybody' || where !== 'everything'),
          other: isEnough && (wanted === 'anybody' || where === 'within'),
        };
        for (const [grantedOn, isLetIn] of Object.entries(expected)) {
          const status = await ask(method, route, tokens.get(`${role}-${grantedOn}`));
          expect({ role, grantedOn, isLetIn: status !== 403 && status !== 401 }).toEqual({ role, grantedOn, isLetIn });
          expect(status).toBeLessThan(500);
        }
      }
    },
  );
});
