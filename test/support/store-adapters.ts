import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { openSqliteStore } from '../../scheduler/store/sqlite.ts';
import type { Store } from '../../scheduler/store/store.ts';

/** A kind of store. `open` with the same folder gives the same data again, as to a scheduler that was restarted. */
export interface StoreAdapter {
  readonly name: string;
  open(folder: string): Promise<Store>;
}

/** Every adapter of the port; each passes every contract suite. */
export const storeAdapters: readonly StoreAdapter[] = [
  { name: 'SQLite', open: async (folder) => await openSqliteStore(path.join(folder, 'store.db')) },
];

/** One test's store, empty at first. */
export interface StoreOfTest {
  readonly store: Store;
  /** Closes it and opens it again. */
  reopened(): Promise<Store>;
}

/** Opens a store for the running test and removes it afterwards. */
export async function storeOfTest(adapter: StoreAdapter): Promise<StoreOfTest> {
  const folder = await mkdtemp(path.join(tmpdir(), 'forewarn-store-'));
  const store = await adapter.open(folder);
  let current = store;
  onTestFinished(async () => {
    await current.close();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    store,
    reopened: async () => {
      await current.close();
      current = await adapter.open(folder);
      return current;
    },
  };
}
