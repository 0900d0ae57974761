import { sql, type Kysely } from 'kysely';
import type { Client, ClientConfig } from 'pg';
import { z } from 'zod';
import type { Clock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { StoreNews } from './store.ts';
import type { Tables } from './tables.ts';

const CHANNEL = 'forewarn';

/** A notification holds 8000 bytes ("NOTIFY"); so many ids of 36 characters are half of it. */
const MAX_IDS = 100;

/** How often the listening connection is tried out, and how long that may take: a half-open one says nothing by itself. */
const TRY_EVERY_MS = 10_000;
const TRY_WITHIN_MS = 5000;
const RECONNECT_AFTER_MS = 1000;

const messageSchema = z.discriminatedUnion('kind', [
  z.object({ by: z.string(), kind: z.literal('due') }),
  z.object({ by: z.string(), kind: z.literal('cancelled'), ids: z.array(z.string()) }),
  z.object({ by: z.string(), kind: z.literal('agreement'), scope: z.string(), eventId: z.string() }),
  z.object({ by: z.string(), kind: z.literal('vms'), keys: z.array(z.string()) }),
  z.object({ by: z.string(), kind: z.literal('mail'), to: z.string() }),
]);

/** Says it to the other replicas when the transaction commits. Equal messages of one transaction are sent once. */
export async function tellOthers(tx: Kysely<Tables>, by: string, news: StoreNews): Promise<void> {
  const notify = async (message: unknown): Promise<void> => {
    await sql`select pg_notify(${CHANNEL}, ${JSON.stringify(message)})`.execute(tx);
  };
  if (news.kind === 'cancelled') {
    for (let index = 0; index < news.ids.length; index += MAX_IDS) {
      await notify({ by, kind: news.kind, ids: news.ids.slice(index, index + MAX_IDS) });
    }
  } else if (news.kind === 'vms') {
    for (const keys of inParts(news.keys)) await notify({ by, kind: news.kind, keys });
  } else await notify({ by, ...news });
}

/** So many bytes of keys go into one notification; one key alone is below half of what that holds. */
const MAX_KEY_BYTES = 4000;

function inParts(keys: readonly string[]): readonly (readonly string[])[] {
  const parts: string[][] = [];
  let left = 0;
  for (const key of keys) {
    const bytes = Buffer.byteLength(JSON.stringify(key)) + 1;
    if (bytes > left) {
      parts.push([]);
      left = MAX_KEY_BYTES;
    }
    parts.at(-1)?.push(key);
    left -= bytes;
  }
  return parts;
}

export interface NewsListener {
  subscribe(listener: (news: StoreNews) => void): () => void;
  close(): Promise<void>;
}

/**
 * Hears what other replicas tell, over a connection of its own. While that is down nothing is heard; whoever depends on the
 * news also looks from time to time, and is told "due" and "missed" once it is up again.
 */
export async function createListener(parts: {
  readonly config: ClientConfig;
  readonly owner: string;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<NewsListener> {
  const { clock, log, owner } = parts;
  const { default: pg } = await import('pg');
  const listeners = new Set<(news: StoreNews) => void>();
  const stopping = new AbortController();
  const tell = (news: StoreNews): void => {
    for (const listener of listeners) listener(news);
  };

  const listen = async (): Promise<void> => {
    const client = new pg.Client({ ...parts.config, query_timeout: TRY_WITHIN_MS });
    const lost = new Promise<void>((resolve) => {
      client.on('error', () => {
        resolve();
      });
      client.on('end', resolve);
    });
    client.on('notification', ({ payload }) => {
      const news = readNews(payload, owner);
      if (news !== undefined) tell(news);
    });
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
      tell({ kind: 'due' });
      tell({ kind: 'missed' });
      await untilLost(client, lost, { clock, signal: stopping.signal });
    } finally {
      // A dead server does not confirm the end.
      void client.end().catch(() => {});
    }
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await listen();
      } catch (error) {
        log.warn({ err: describeError(error) }, 'not listening to the other replicas; trying again');
      }
      await clock.sleep(RECONNECT_AFTER_MS, stopping.signal);
    }
  };
  const running = run();

  return {
    subscribe: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    close: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** Returns when the connection is lost or `signal` aborts; throws when the server no longer answers. */
async function untilLost(
  client: Client,
  lost: Promise<void>,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const gone = lost.then(() => false);
  while (await Promise.race([gone, clock.sleep(TRY_EVERY_MS, signal)])) await client.query('select 1');
}

function readNews(payload: string | undefined, owner: string): StoreNews | undefined {
  if (payload === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch {
    // Somebody else uses the channel's name in this database.
    return undefined;
  }
  const message = messageSchema.safeParse(value);
  if (!message.success || message.data.by === owner) return undefined;
  const { by: _by, ...news } = message.data;
  if (news.kind === 'mail' && news.to !== owner) return undefined;
  return news;
}
