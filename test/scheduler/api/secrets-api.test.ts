import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatKeys, newKey } from '../../../scheduler/secrets/key-ring.ts';
import { violationsOf } from '../../support/published-definition.ts';
import { runningScheduler } from '../../support/running-scheduler.ts';
import { apiOf, errorOf, http, job, SHOP, withShop, type Api, type Body } from '../../support/scheduler-api.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const PASSWORD = 'correct-horse-battery-staple';
const JOB = `${SHOP}/jobs/a`;

/** A shop whose scheduler has a key to keep secrets with. */
async function withKey(): Promise<Api> {
  const file = path.join(temporaryFolder(), 'keys');
  writeFileSync(file, formatKeys([newKey()]), { mode: 0o600 });
  const shop = apiOf((await runningScheduler({ keyFile: { file, setting: 'secrets.keyFile' } })).url);
  await shop.call('put', SHOP, {});
  return shop;
}

const basic = (change: Body = {}): Body => ({ type: 'basic', username: 'someone', password: PASSWORD, ...change });
const jobWith = (authentication: unknown): Body =>
  job({ action: http({ request: { uri: 'https://a.example/', method: 'GET', authentication } }) });
const patchOf = (request: Body): Body => ({ properties: { action: { request } } });
const shown = (body: Body): unknown =>
  (body as { properties: { action: { request: { authentication?: unknown } } } }).properties.action.request
    .authentication;

describe('a secret of a job', () => {
  it('is in no answer: not of PUT, GET, PATCH or a list', async () => {
    const { call } = await withKey();
    const created = await call('put', JOB, jobWith(basic()));
    expect([created.status, shown(created.body)]).toEqual([201, { type: 'Basic', username: 'someone' }]);
    expect(violationsOf('JobDefinition', created.body)).toEqual([]);
    await call('post', `${JOB}/run`);
    for (const answer of [
      created,
      await call('get', JOB),
      await call('patch', JOB, { properties: { state: 'Disabled' } }),
      await call('get', `${SHOP}/jobs`),
      await call('get', `${JOB}/history`),
    ]) {
      expect(JSON.stringify(answer.body)).not.toContain(PASSWORD);
    }
  });

  it('stays when a PATCH leaves it alone, and goes with an explicit null or a PUT without it', async () => {
    const { call } = await withKey();
    await call('put', JOB, jobWith(basic()));
    const renamed = await call('patch', JOB, patchOf({ authentication: { username: 'another' } }));
    expect([renamed.status, shown(renamed.body)]).toEqual([200, { type: 'Basic', username: 'another' }]);
    expect(shown((await call('patch', JOB, patchOf({ method: 'POST' }))).body)).toEqual({
      type: 'Basic',
      username: 'another',
    });
    expect(shown((await call('patch', JOB, patchOf({ authentication: null }))).body)).toBeUndefined();
    await call('put', JOB, jobWith(basic()));
    expect(shown((await call('put', JOB, jobWith(undefined))).body)).toBeUndefined();
    // What a client read cannot be sent back whole: the password is not in it.
    expect((await call('put', JOB, jobWith({ type: 'Basic', username: 'someone' }))).status).toBe(400);
  });

  it('is not repeated when it is refused', async () => {
    const { call } = await withKey();
    for (const password of [12_345_678, ['p-1234'], { p: 'p-1234' }, '']) {
      const { status, body } = await call('put', JOB, jobWith(basic({ password })));
      expect([status, errorOf(body).message]).toEqual([
        400,
        expect.stringMatching(/'properties\.action\.request\.authentication\.password' is not valid: expected/),
      ]);
      expect(errorOf(body).message).not.toMatch(/1234/);
    }
  });

  it('counts in the size of the job, also when a PATCH leaves it alone', async () => {
    const { call } = await withKey();
    const headers = Object.fromEntries(Array.from({ length: 4 }, (_n, index) => [`h${index}`, 'x'.repeat(1000)]));
    const large = { uri: 'https://a.example/', method: 'POST', body: 'x'.repeat(8000), headers };
    const secret = 'p'.repeat(2000);
    const put = await call(
      'put',
      JOB,
      job({ action: http({ request: { ...large, authentication: basic({ password: secret }) } }) }),
    );
    expect(put.status).toBe(201);
    const more = {
      errorAction: http({ request: { uri: 'https://a.example/', method: 'POST', body: 'x'.repeat(1900) } }),
    };
    const patched = await call('patch', JOB, { properties: { action: more } });
    expect([patched.status, errorOf(patched.body).message]).toEqual([
      400,
      expect.stringMatching(/larger than 16384 bytes/),
    ]);
  });

  it('is refused where there is no key to keep it with, in words that say how to make one', async () => {
    const { call } = await withShop();
    const { status, body } = await call('put', JOB, jobWith(basic()));
    expect([status, errorOf(body).code, errorOf(body).message]).toEqual([
      409,
      'SecretsNotKept',
      expect.stringMatching(/secrets\.keyFile.*rotate-key/),
    ]);
    expect((await call('get', JOB)).status).toBe(404);
  });
});
