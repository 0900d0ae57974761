import https from 'node:https';
import path from 'node:path';
import { writeFileSync } from 'node:fs';
import express from 'express';
import request from 'supertest';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '../../../common/runtime/clock.ts';
import { createLog } from '../../../common/runtime/log.ts';
import { createAccess } from '../../../scheduler/access/access.ts';
import { accessGuard } from '../../../scheduler/api/access-guard.ts';
import { memoryStore } from '../../support/scheduler-store.ts';
import { createAuthority } from '../../../emulator/credentials/authority.ts';
import { runningScheduler, type RunningScheduler } from '../../support/running-scheduler.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const OWNER = 'an-owner-token-for-tests';
const GROUP = '/subscriptions/S/resourceGroups/G/providers/Microsoft.Scheduler/jobCollections';
const VERSION = { 'api-version': '2016-03-01' };

async function guarded(): Promise<RunningScheduler> {
  const ownerTokenFile = path.join(temporaryFolder(), 'owner.token');
  writeFileSync(ownerTokenFile, `${OWNER}\n`, { mode: 0o600 });
  return await runningScheduler({ access: { isOpen: false, ownerTokenFile } });
}

const as = (url: string, token: string) => ({
  call: async (method: 'get' | 'put' | 'post' | 'delete', at: string, body?: object) => {
    const sent = request(url)[method](at).query(VERSION).set('Authorization', `Bearer ${token}`);
    return await (body === undefined ? sent : sent.send(body));
  },
});

async function givenUser(url: string, name: string, grants: readonly object[], body: object = {}): Promise<string> {
  const owner = as(url, OWNER);
  expect((await owner.call('put', `/forewarn/v1/users/${name}`, { grants })).status).toBe(201);
  const issued = await owner.call('post', `/forewarn/v1/users/${name}/tokens`, body);
  expect(issued.status).toBe(201);
  return (issued.body as { token: string }).token;
}

describe('users', () => {
  it('are listed with their grants and tokens, and no token is shown a second time', async () => {
    const { url } = await guarded();
    const token = await givenUser(url, 'Ann', [{ role: 'reader', scope: '/' }], { validSeconds: 3600 });
    const { body } = await as(url, OWNER).call('get', '/forewarn/v1/users');
    expect(body).toMatchObject({
      value: [
        {
          name: 'Ann',
          grants: [{ role: 'reader', scope: '/' }],
          tokens: [{ expiresAt: expect.any(Number) as number }],
        },
      ],
    });
    expect(JSON.stringify(body)).not.toContain(token);
    const me = await as(url, token).call('get', '/forewarn/v1/me');
    expect(me.body).toEqual({ name: 'Ann', grants: [{ role: 'reader', scope: '/' }] });
  });

  it('see of a list what is theirs', async () => {
    const { url } = await guarded();
    const owner = as(url, OWNER);
    for (const name of ['a', 'b', 'c']) await owner.call('put', `${GROUP}/${name}`, {});
    const grants = ['a', 'c'].map((name) => ({ role: 'reader', scope: `${GROUP}/${name}` }));
    const token = await givenUser(url, 'ann', grants);
    for (const list of [GROUP, '/subscriptions/S/providers/Microsoft.Scheduler/jobCollections']) {
      const { body } = await as(url, token).call('get', list);
      expect((body as { value: { name: string }[] }).value.map(({ name }) => name)).toEqual(['a', 'c']);
    }
    expect(
      (await as(url, token).call('get', '/subscriptions/T/providers/Microsoft.Scheduler/jobCollections')).status,
    ).toBe(403);
  });

  it('are cut off at once when a token, a grant or the user is taken away', async () => {
    const { url } = await guarded();
    const owner = as(url, OWNER);
    const token = await givenUser(url, 'ann', [{ role: 'reader', scope: '/' }]);
    const status = async () => (await as(url, token).call('get', '/forewarn/v1/vms')).status;
    expect(await status()).toBe(200);
    await owner.call('put', '/forewarn/v1/users/ANN', { grants: [] });
    expect(await status()).toBe(403);
    const { body } = await owner.call('get', '/forewarn/v1/users/ann');
    const id = (body as { tokens: { id: string }[] }).tokens[0]?.id ?? '';
    expect((await owner.call('delete', `/forewarn/v1/users/ann/tokens/${id}`)).status).toBe(204);
    expect(await status()).toBe(401);
    expect((await owner.call('delete', `/forewarn/v1/users/ann/tokens/${id}`)).status).toBe(404);
    expect((await owner.call('delete', '/forewarn/v1/users/ann')).status).toBe(204);
    expect((await owner.call('delete', '/forewarn/v1/users/ann')).status).toBe(404);
    expect((await owner.call('post', '/forewarn/v1/users/ann/tokens', {})).status).toBe(404);
  });

  it('with a name or grants that are none are refused', async () => {
    const { url } = await guarded();
    const owner = as(url, OWNER);
    for (const name of ['owner', 'LOCAL', '-a', 'a%20b']) {
      expect((await owner.call('put', `/forewarn/v1/users/${name}`, { grants: [] })).status).toBe(400);
    }
    for (const grant of [{ role: 'king', scope: '/' }, { role: 'reader', scope: 'everywhere' }, { role: 'reader' }]) {
      expect((await owner.call('put', '/forewarn/v1/users/ann', { grants: [grant] })).status).toBe(400);
    }
  });

  it('that watch are cut off when their token is revoked, and others go on', async () => {
    const { url } = await guarded();
    const token = await givenUser(url, 'ann', [{ role: 'reader', scope: '/' }]);
    const watch = async (with_: string): Promise<WebSocket> => {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/forewarn/v1/watch`, {
        headers: { authorization: `Bearer ${with_}` },
      });
      onTestFinished(() => {
        socket.terminate();
      });
      await new Promise<void>((resolve, reject) => {
        socket.once('open', resolve);
        socket.once('error', reject);
      });
      return socket;
    };
    const [hers, owners] = [await watch(token), await watch(OWNER)];
    const closed = new Promise<number>((resolve) => {
      hers.once('close', resolve);
    });
    await as(url, OWNER).call('delete', '/forewarn/v1/users/ann');
    expect(await closed).toBe(1008);
    expect(owners.readyState).toBe(WebSocket.OPEN);
    await expect(watch(token)).rejects.toThrow('401');
  });
});

describe('tls', () => {
  it('serves requests and the timeline under a certificate of the operator', async () => {
    const folder = temporaryFolder();
    const authority = await createAuthority(systemClock.now());
    const { certificate, key } = await authority.issue(['localhost', '127.0.0.1']);
    const tls = { certificate: path.join(folder, 'server.pem'), key: path.join(folder, 'server.key') };
    writeFileSync(tls.certificate, certificate);
    writeFileSync(tls.key, key);
    const { scheduler } = await runningScheduler({ tls });
    const { port } = scheduler.listening;
    const status = await new Promise<number | undefined>((resolve, reject) => {
      https
        .get(
          `https://127.0.0.1:${port}/forewarn/v1/health`,
          { ca: authority.certificate, agent: false },
          (response) => {
            response.resume();
            expect(response.headers['strict-transport-security']).toBe('max-age=31536000; includeSubDomains');
            resolve(response.statusCode);
          },
        )
        .on('error', reject);
    });
    expect(status).toBe(200);
    const socket = new WebSocket(`wss://127.0.0.1:${port}/forewarn/v1/watch`, { ca: authority.certificate });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    socket.terminate();
  });

  it('says which file is no certificate, or no key of it', async () => {
    const folder = temporaryFolder();
    const file = (name: string, text: string): string => {
      writeFileSync(path.join(folder, name), text);
      return path.join(folder, name);
    };
    const authority = await createAuthority(systemClock.now());
    const [one, two] = [await authority.issue(['a']), await authority.issue(['b'])];
    const certificate = file('c.pem', one.certificate);
    for (const [tls, message] of [
      [{ certificate: file('x', 'x'), key: file('k', one.key) }, /tls\.certificate: expected a certificate as PEM/],
      [{ certificate, key: file('y', 'y') }, /tls\.key: expected a private key/],
      [{ certificate, key: file('k2', two.key) }, /is not that of the certificate/],
      [{ certificate: '/nowhere', key: '/nowhere' }, /tls\.certificate: cannot read/],
    ] as const) {
      await expect(runningScheduler({ tls })).rejects.toThrow(message);
    }
  });
});

it('every change is logged with who made it, and nothing of what was sent', async () => {
  const lines: string[] = [];
  const log = createLog('test', 'info', { write: (line) => lines.push(line), isJournal: false });
  const store = await memoryStore();
  const access = createAccess({ store: store.access, clock: systemClock, isOpen: false, ownerToken: OWNER });
  const app = express().use(accessGuard(access, log));
  app.put('/subscriptions/S', (_request, response) => {
    response.status(201).json({});
  });
  const sent = { tags: { note: 'not-for-the-log' } };
  await request(app).put('/subscriptions/S').set('Authorization', `Bearer ${OWNER}`).send(sent).expect(201);
  await request(app).get('/subscriptions/S').set('Authorization', `Bearer ${OWNER}`).expect(404);
  const requests = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(requests).toMatchObject([{ user: 'owner', method: 'PUT', path: '/subscriptions/S', status: 201 }]);
  expect(lines.join('')).not.toContain('not-for-the-log');
  expect(lines.join('')).not.toContain(OWNER);
});
