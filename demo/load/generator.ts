import { Agent } from 'node:http';
import { z } from 'zod';
import type { Clock } from '../../common/runtime/clock.ts';
import type { Ledger, RequestToken } from './ledger.ts';
import { send, type SendResult } from './send.ts';

export interface LoadOptions {
  /** The public address, `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly requestsPerSecond: number;
  readonly ledger: Ledger;
  readonly clock: Clock;
}

/** A steady load that is running; it takes no notice of what happens to the fleet. */
export interface Load {
  /** Starts no more requests, waits a moment for those under way, closes the kept connections. */
  stop(): Promise<void>;
}

/** Clients that keep their connection, as browsers and gateways do; each sends one request at a time. */
const KEPT_CLIENTS = 24;
/** Every n-th request is an order. Two workers could take twice as many; one alone still keeps up. */
const ORDER_EVERY = 5;
/** A request without a whole answer by then has failed. A drained fleet answers in milliseconds. */
const REQUEST_TIMEOUT_MS = 10_000;
/** How often requests are started, in small bunches. */
const TICK_MS = 20;
/** After a stall of this process itself, missed requests beyond this many are not made up for: they would be a burst, not a load. */
const MAX_BUNCH = 50;
/** More than this under way means that nobody answers any more; each further one would only time out as well. */
const MAX_IN_FLIGHT = 2000;

/** Requests under way at the end have no part in any result; this is for not breaking them off without need. */
const STOP_MS = 500;

interface KeptClient {
  readonly agent: Agent;
  isBusy: boolean;
}

/**
 * Starts a load of `requestsPerSecond`, half of it over kept connections and half over new ones. Open loop: the pace does not
 * wait for answers. Nothing is retried; whatever is not the expected answer is a failure in the ledger.
 */
export function startLoad(options: LoadOptions): Load {
  const { clock, requestsPerSecond } = options;
  const stopping = new AbortController();
  const clients: KeptClient[] = Array.from({ length: KEPT_CLIENTS }, () => ({
    agent: new Agent({ keepAlive: true, maxSockets: 1 }),
    isBusy: false,
  }));
  const inFlight = new Set<Promise<void>>();
  let started = 0;

  const startOne = async (): Promise<void> => {
    const number = started++;
    // Kept clients take turns, so that each sends several times a second: only a client that comes back can be told to close.
    const client = number % 2 === 0 ? clients[(number / 2) % KEPT_CLIENTS] : undefined;
    const done = playOne(options, { number, client: client?.isBusy === true ? undefined : client });
    inFlight.add(done);
    await done;
    inFlight.delete(done);
  };

  const pace = async (): Promise<void> => {
    const startMs = clock.monotonic();
    let due = 0;
    while (await clock.sleep(TICK_MS, stopping.signal)) {
      const target = Math.floor(((clock.monotonic() - startMs) * requestsPerSecond) / 1000);
      const bunch = Math.min(target - due, MAX_BUNCH, MAX_IN_FLIGHT - inFlight.size);
      due = target;
      for (let index = 0; index < bunch; index++) void startOne(); // it never rejects, and inFlight has it
    }
  };
  const pacing = pace();

  return {
    stop: async () => {
      stopping.abort();
      await pacing;
      const waiting = new AbortController();
      await Promise.race([Promise.all(inFlight), clock.sleep(STOP_MS, waiting.signal)]);
      waiting.abort();
      for (const client of clients) client.agent.destroy();
    },
  };
}

async function playOne(
  options: LoadOptions,
  turn: { readonly number: number; readonly client: KeptClient | undefined },
): Promise<void> {
  const { ledger, clock } = options;
  const isOrder = turn.number % ORDER_EVERY === 0;
  const token = ledger.start();
  const atMs = clock.now();
  if (turn.client !== undefined) turn.client.isBusy = true;
  const result = await send(
    {
      url: new URL(isOrder ? '/orders' : '/', options.url),
      method: isOrder ? 'POST' : 'GET',
      ...(isOrder ? { body: JSON.stringify({ item: turn.number }) } : {}),
      agent: turn.client?.agent ?? false,
      timeoutMs: REQUEST_TIMEOUT_MS,
    },
    clock,
  );
  if (turn.client !== undefined) turn.client.isBusy = false;
  const what = `${isOrder ? 'POST /orders' : 'GET /'} over a ${turn.client === undefined ? 'new' : 'kept'} connection`;
  settle({ token, isOrder, result, nowMs: clock.now(), fail: (reason) => token.failed({ atMs, what, reason }) });
}

const pageSchema = z.object({ vm: z.string() });
const orderSchema = z.object({ vm: z.string(), id: z.number() });

function settle(end: {
  readonly token: RequestToken;
  readonly isOrder: boolean;
  readonly result: SendResult;
  readonly nowMs: number;
  readonly fail: (reason: string) => void;
}): void {
  const { token, isOrder, result, nowMs, fail } = end;
  if (result.kind === 'failed') {
    fail(result.reason);
    return;
  }
  const wantedStatus = isOrder ? 202 : 200;
  if (result.status !== wantedStatus) {
    fail(`expected status ${wantedStatus}, got ${result.status} ${JSON.stringify(result.body) ?? ''}`);
  } else if (isOrder) {
    const order = orderSchema.safeParse(result.body);
    if (order.success) token.accepted(order.data.id, nowMs);
    else fail(`expected an order number, got ${JSON.stringify(result.body) ?? 'no JSON'}`);
  } else {
    const page = pageSchema.safeParse(result.body);
    if (page.success) token.answered(page.data.vm);
    else fail(`expected the name of a VM, got ${JSON.stringify(result.body) ?? 'no JSON'}`);
  }
}
