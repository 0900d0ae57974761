import { describe, expect, it } from 'vitest';
import { Ledger } from '../../demo/load/ledger.ts';

const failure = { atMs: 0, what: 'GET / over a new connection', reason: 'read ECONNRESET' };

describe('the ledger of the load', () => {
  it('counts a request in the step in which it was started, however late it ends', () => {
    const ledger = new Ledger();
    const token = ledger.start();
    const first = ledger.nextSegment();
    ledger.start().answered('FrontEnd_IN_1');

    token.failed(failure);

    expect(first()).toMatchObject({ requests: 1, failed: 1, open: 0 });
    expect(ledger.current()).toMatchObject({ requests: 1, failed: 0, open: 0 });
    expect(ledger.total()).toEqual({ requests: 2, failed: 1 });
  });

  it('keeps an accepted order open until it is done', () => {
    const ledger = new Ledger();
    ledger.start().accepted(7, 1000);
    const count = ledger.nextSegment();
    expect(count().open).toBe(1);

    ledger.done([7]);

    expect(count()).toMatchObject({ open: 0, failed: 0, ordersAccepted: 1 });
  });

  it('settles an order whose completion is heard of before its acceptance', () => {
    const ledger = new Ledger();
    const token = ledger.start();
    ledger.done([7]);

    token.accepted(7, 1000);

    expect(ledger.current()).toMatchObject({ open: 0, failed: 0, ordersAccepted: 1 });
  });

  it('counts an accepted order that is never done as a failed request, once', () => {
    const ledger = new Ledger();
    ledger.start().accepted(7, 1000);

    ledger.expireOrders(11_000, 10_000);
    expect(ledger.current()).toMatchObject({ open: 1, failed: 0 });
    ledger.expireOrders(11_001, 10_000);
    ledger.expireOrders(11_002, 10_000);
    ledger.done([7]);

    expect(ledger.current()).toMatchObject({ open: 0, failed: 1 });
    expect(ledger.current().failures[0]?.reason).toContain('order 7 was accepted and never done');
  });

  it('keeps the first failures and counts the rest', () => {
    const ledger = new Ledger();
    for (let index = 0; index < 50; index++) ledger.start().failed(failure);
    expect(ledger.current().failed).toBe(50);
    expect(ledger.current().failures).toHaveLength(20);
  });
});
