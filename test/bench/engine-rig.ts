import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { sql } from 'kysely';
import { systemClock } from '../../common/runtime/clock.ts';
import { silentLog } from '../../common/runtime/log.ts';
import { systemRandom } from '../../common/runtime/random.ts';
import { createActions } from '../../scheduler/actions/actions.ts';
import { DEFAULT_ACTION_SETTINGS } from '../../scheduler/actions/settings.ts';
import { createEngine, type Engine, type PerformAction } from '../../scheduler/engine/engine.ts';
import type { JobDefinition } from '../../scheduler/jobs/definition.ts';
import { openStore } from '../../scheduler/store/open.ts';
import { openPostgresDatabase } from '../../scheduler/store/postgres.ts';
import { openSqliteDatabase } from '../../scheduler/store/sqlite.ts';
import { rowsOf } from '../../scheduler/store/sql.ts';
import type { StoreSettings } from '../../scheduler/store/settings.ts';
import type { Store } from '../../scheduler/store/store.ts';

/** A server in a process of its own that answers at once and remembers when each request arrived. */
export interface Receiver {
  readonly url: string;
  /** Arrivals since the last call, epoch milliseconds. */
  arrivals(): Promise<readonly number[]>;
  close(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const child: ChildProcess = spawn(process.execPath, [`${import.meta.dirname}/receiver.ts`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const next = async (): Promise<string> => {
    const [line] = (await once(lines, 'line')) as [string];
    return line;
  };
  const port = Number(await next());
  const url = `http://127.0.0.1:${port}/`;
  return {
    url,
    arrivals: async () => (await (await fetch(`${url}arrivals`)).json()) as number[],
    close: async () => {
      child.kill();
      await once(child, 'exit');
    },
  };
}

export interface EngineRig {
  readonly store: Store;
  readonly engine: Engine;
  close(): Promise<void>;
}

/** `perform`: as in the product unless it is given. `ended`: called once for each execution whose end is durable. */
interface EngineOptions {
  readonly perform?: PerformAction;
  readonly ended?: () => void;
}

/** The engine over a store. */
export async function openEngine(
  settings: StoreSettings,
  { perform, ended = () => {} }: EngineOptions = {},
): Promise<EngineRig> {
  const store = await openStore(settings, { clock: systemClock, random: systemRandom, log: silentLog });
  const actions = createActions({
    settings: DEFAULT_ACTION_SETTINGS,
    allowPrivate: true,
    ownPort: () => undefined,
    region: undefined,
    locationOf: async () => 'local',
    clock: store.clock,
  });
  const engine = createEngine({
    store,
    clock: store.clock,
    random: systemRandom,
    log: silentLog,
    publish: ({ kind }) => {
      if (kind === 'job.completed' || kind === 'job.failed') ended();
    },
    replica: { name: 'bench', region: undefined },
    laneOf: ({ job }) => (job.definition.action.type === 'Fleet' ? undefined : actions.laneOf(job.definition.action)),
    perform:
      perform ??
      ((claim, signal) => {
        const { action } = claim.job.definition;
        if (action.type === 'Fleet') throw new TypeError('there is no fleet here');
        return actions.perform(action, claim, signal);
      }),
  });
  return {
    store,
    engine,
    close: async () => {
      await engine.close();
      await actions.close();
      await store.close();
    },
  };
}

/** Jobs that are stored before an engine starts. */
export interface StoredJobs {
  readonly prefix: string;
  readonly count: number;
  readonly definition: JobDefinition;
  readonly dueMs: (index: number) => number | null;
}

const PER_COLLECTION = 1000;

/** Writes jobs straight into the tables, a thousand to a collection. */
export async function fillStore(settings: StoreSettings, sets: readonly StoredJobs[]): Promise<void> {
  const parts = { clock: systemClock, random: systemRandom, log: silentLog };
  const store =
    settings.kind === 'sqlite'
      ? await openSqliteDatabase(settings.file, parts)
      : (await openPostgresDatabase(settings, parts)).store;
  for (const set of sets) {
    for (let first = 0; first < set.count; first += PER_COLLECTION) {
      const collection = `${set.prefix}-${first / PER_COLLECTION}`;
      const rows = Array.from({ length: Math.min(PER_COLLECTION, set.count - first) }, (_none, index) => ({
        id: `${set.prefix}${first + index}`,
        definition: JSON.stringify(set.definition),
        next_at: set.dueMs(first + index),
      }));
      await store.write(async (tx) => {
        await sql`insert into collections (key, subscription, resource_group, name, location, sku, state, created_at, region)
          values (${`bench/bench/${collection}`}, 'bench', 'bench', ${collection}, 'local', 'P20Premium', 'Enabled', 0, 'local')`.execute(
          tx,
        );
        await sql`insert into jobs (id, collection_key, key, name, definition, state, anchor_at, next_at, made, execution_count,
          failure_count, faulted_count) select id, ${`bench/bench/${collection}`}, id, id, definition, 'enabled',
          coalesce(next_at, 0), next_at, 0, 0, 0, 0
          from ${rowsOf(store.dialect, { id: 'text', definition: 'text', next_at: 'bigint' }, rows)}`.execute(tx);
      });
    }
  }
  await store.db.destroy();
}

/** The definition of a job that calls `url` once. */
export function callOnce(url: string): JobDefinition {
  return { action: { type: 'Http', request: { uri: url, method: 'GET' }, retryPolicy: { retryType: 'none' } } };
}
