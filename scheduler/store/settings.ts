import path from 'node:path';
import { z } from 'zod';
import { REPLICATIONS, type Replication } from './replication.ts';

const DEFAULT_FILE = 'forewarn.db';

/** Enough for the claims, the endings and a handful of requests at a time; PostgreSQL's default limit is 100 in all. */
const DEFAULT_CONNECTIONS = 10;

const postgresSchema = z.strictObject({
  url: z.string().regex(/^postgres(ql)?:\/\//, { error: 'expected an address like postgres://user@host/database' }),
  connections: z.int().min(2).max(100).default(DEFAULT_CONNECTIONS),
  replication: z.enum(REPLICATIONS).default('none'),
});

/** The setting `store`: a file of the scheduler's own, or a database that several replicas share. */
export const storeSchema = z
  .union([
    z.strictObject({ sqlite: z.string().min(1).default(DEFAULT_FILE) }),
    z.strictObject({ postgres: postgresSchema }),
  ])
  .default({ sqlite: DEFAULT_FILE });

export type StoreSettings =
  /** `file` is absolute, or `:memory:`. */
  | { readonly kind: 'sqlite'; readonly file: string }
  | {
      readonly kind: 'postgres';
      readonly url: string;
      readonly connections: number;
      readonly replication: Replication;
    };

/** The setting with its file's path resolved against the folder of the settings. */
export function storeSettingsOf(raw: z.output<typeof storeSchema>, folder: string): StoreSettings {
  return 'postgres' in raw
    ? { kind: 'postgres', ...raw.postgres }
    : { kind: 'sqlite', file: path.resolve(folder, raw.sqlite) };
}

/** What may be logged of it: an address holds a password. */
export function withoutPassword(store: StoreSettings): StoreSettings {
  if (store.kind === 'sqlite' || !URL.canParse(store.url)) return store;
  const url = new URL(store.url);
  if (url.password !== '') url.password = 'hidden';
  if (url.searchParams.has('password')) url.searchParams.set('password', 'hidden');
  return { ...store, url: url.href };
}
