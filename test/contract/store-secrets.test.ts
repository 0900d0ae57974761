import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { sql } from 'kysely';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../common/runtime/clock.ts';
import { silentLog } from '../../common/runtime/log.ts';
import { systemRandom } from '../../common/runtime/random.ts';
import type { JobDefinition } from '../../scheduler/jobs/definition.ts';
import { newKey, type KeyRing, type SecretKey } from '../../scheduler/secrets/key-ring.ts';
import { Secret, secretsIn } from '../../scheduler/secrets/secret.ts';
import { openStore } from '../../scheduler/store/open.ts';
import { openPostgresDatabase } from '../../scheduler/store/postgres.ts';
import type { StoreSettings } from '../../scheduler/store/settings.ts';
import type { Store } from '../../scheduler/store/store.ts';
import { givenJob, JOB } from '../support/scheduler-store.ts';
import { storeAdapters } from '../support/store-adapters.ts';

const PASSWORD = 'correct-horse-battery-staple';

const definition = (password: string): JobDefinition => ({
  startTime: '2030-01-01T00:00:00Z',
  action: {
    type: 'Http',
    request: {
      uri: 'http://127.0.0.1:1/',
      method: 'GET',
      authentication: { type: 'Basic', username: 'someone', password: Secret.of(password) },
    },
  },
});

describe.each(storeAdapters)('secrets in $name', (adapter) => {
  async function placed() {
    const place = await adapter.prepare();
    onTestFinished(async () => {
      await place.remove();
    });
    return place.settings;
  }

  async function opened(settings: StoreSettings, ...keys: SecretKey[]): Promise<Store> {
    const ring: KeyRing = { newest: () => keys[0], find: (id) => keys.find((key) => key.id === id) };
    return await openStore(settings, { clock: systemClock, random: systemRandom, log: silentLog, keys: ring });
  }

  const passwordOf = async (store: Store): Promise<string | undefined> =>
    secretsIn((await store.jobs.findJob(JOB))?.definition)[0]?.[1].reveal();

  it('are not in the bytes of the database, while everything else is', async () => {
    const settings = await placed();
    const store = await opened(settings, newKey());
    await givenJob(store, 0, { definition: definition(PASSWORD) });
    const bytes = await bytesOf(settings);
    await store.close();
    for (const text of [bytes, await bytesOf(settings)]) {
      expect(text).toContain('someone');
      expect(text).not.toContain(PASSWORD);
      expect(text).not.toContain(Buffer.from(PASSWORD).toString('base64'));
    }
  });

  it('open again after a restart with the key, and not with another', async () => {
    const settings = await placed();
    const key = newKey();
    let store = await opened(settings, key);
    await givenJob(store, 0, { definition: definition(PASSWORD) });
    await store.close();
    store = await opened(settings, newKey(), key);
    expect(await passwordOf(store)).toBe(PASSWORD);
    expect(await store.secrets.keyIds()).toEqual([key.id]);
    await store.close();
    store = await opened(settings, newKey());
    // The job is there all the same: one whose secrets cannot be opened must not keep others from running.
    await expect(passwordOf(store)).rejects.toThrow(`the key ${key.id} that a secret is sealed with is not there`);
    await store.close();
  });

  it('are sealed anew by the newest key, all of them', async () => {
    const settings = await placed();
    const [old, fresh] = [newKey(), newKey()];
    let store = await opened(settings, old);
    await givenJob(store, 0, { definition: definition(PASSWORD) });
    await store.close();
    store = await opened(settings, fresh, old);
    expect(await store.secrets.reseal()).toBe(1);
    expect(await store.secrets.reseal()).toBe(0);
    expect(await store.secrets.keyIds()).toEqual([fresh.id]);
    await store.close();
    store = await opened(settings, fresh);
    expect(await passwordOf(store)).toBe(PASSWORD);
    await store.close();
  });

  it('are not accepted without a key', async () => {
    const store = await opened(await placed());
    await expect(givenJob(store, 0, { definition: definition(PASSWORD) })).rejects.toMatchObject({ code: 'NO_KEY' });
    expect(await store.jobs.findJob(JOB)).toBeUndefined();
    await store.close();
  });
});

/** What somebody finds who can read the database and nothing else. */
async function bytesOf(settings: StoreSettings): Promise<string> {
  if (settings.kind === 'sqlite') {
    const folder = path.dirname(settings.file);
    return readdirSync(folder)
      .map((file) => readFileSync(path.join(folder, file), 'latin1'))
      .join('');
  }
  const { store } = await openPostgresDatabase(settings, { clock: systemClock, random: systemRandom, log: silentLog });
  const { rows } = await sql<{ row: string }>`select jobs::text as row from jobs`.execute(store.db);
  await store.db.destroy();
  return rows.map(({ row }) => row).join('');
}
