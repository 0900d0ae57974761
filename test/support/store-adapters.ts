import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../common/runtime/clock.ts';
import { silentLog } from '../../common/runtime/log.ts';
import { systemRandom } from '../../common/runtime/random.ts';
import { openStore } from '../../scheduler/store/open.ts';
import type { StoreSettings } from '../../scheduler/store/settings.ts';
import type { Store } from '../../scheduler/store/store.ts';
import { createDatabase } from './postgres-database.ts';

/** A kind of store. */
export interface StoreAdapter {
  readonly name: string;
  /** A place for the data of one test, and what removes it. */
  prepare(): Promise<{ readonly settings: StoreSettings; remove(): Promise<void> }>;
}

/** Every adapter of the port; each passes every contract suite. */
export const storeAdapters: readonly StoreAdapter[] = [
  {
    name: 'SQLite',
    prepare: async () => {
      const folder = await mkdtemp(path.join(tmpdir(), 'forewarn-store-'));
      return {
        settings: { kind: 'sqlite', file: path.join(folder, 'store.db') },
        remove: async () => {
          await rm(folder, { recursive: true, force: true });
        },
      };
    },
  },
  {
    name: 'PostgreSQL',
    prepare: async () => {
      const database = await createDatabase();
      return {
        settings: { kind: 'postgres', url: database.url, connections: 4, replication: 'none' },
        remove: async () => {
          await database.drop();
        },
      };
    },
  },
];

/** One test's store, empty at first. */
export interface StoreOfTest {
  readonly store: Store;
  readonly settings: StoreSettings;
  /** Closes it and opens it again, as a scheduler that was restarted does. */
  reopened(): Promise<Store>;
}

/** Opens a store for the running test and removes it afterwards. */
export async function storeOfTest(adapter: StoreAdapter): Promise<StoreOfTest> {
  const place = await adapter.prepare();
  const { settings } = place;
  const open = async (): Promise<Store> =>
    await openStore(settings, { clock: systemClock, random: systemRandom, log: silentLog });
  const store = await open();
  let current = store;
  onTestFinished(async () => {
    await current.close();
    await place.remove();
  });
  return {
    store,
    settings,
    reopened: async () => {
      await current.close();
      current = await open();
      return current;
    },
  };
}
