import { z } from 'zod';
import type { Clock } from '../../common/runtime/clock.ts';
import { requestJson, type ServerLocation } from '../../common/runtime/http-json.ts';
import type { Ledger } from './ledger.ts';

/** An accepted order that is not done by then is lost. A drained worker hands nothing back, so nobody is that slow. */
export const ORDER_LIMIT_MS = 10_000;

/** How long one question to the queue waits for news; orders are also checked for being overdue this often. */
const WAIT_MS = 500;
/** The queue answers within WAIT_MS; on a busy machine later, but not this late. */
const ANSWER_TIMEOUT_MS = 10_000;

const finishedSchema = z.object({ cursor: z.int(), ids: z.array(z.int()) });

/**
 * Tells the ledger which orders are done, until `signal` aborts. Rejects when the queue does not answer any more: without it
 * nobody can say whether orders are lost.
 */
export async function followOrders(
  queue: ServerLocation,
  dependencies: { readonly ledger: Ledger; readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  const { ledger, clock } = dependencies;
  let cursor = 0;
  while (!signal.aborted) {
    const response = await requestJson(
      queue,
      { method: 'GET', path: `/finished?after=${cursor}&waitMs=${WAIT_MS}`, timeoutMs: ANSWER_TIMEOUT_MS },
      { what: 'queue of the shop', option: 'SHOP_QUEUE_PORT' },
    );
    const finished = finishedSchema.parse(response.body);
    cursor = finished.cursor;
    ledger.done(finished.ids);
    ledger.expireOrders(clock.now(), ORDER_LIMIT_MS);
    // At hundreds of orders a second every question would find one; asking a few times a second is enough.
    await clock.sleep(100, signal);
  }
}
