import { describe, expect, it } from 'vitest';
import { fillBody, USUAL_BODY, type Message } from '../../../agent/notifications/message.ts';
import { notifyReceivers, type Receiver, type SendResult } from '../../../agent/notifications/notifications.ts';
import type { Witness } from '../../../agent/witness.ts';
import { silentLog } from '../../../common/runtime/log.ts';
import { seededRandom } from '../../../common/runtime/random.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { Bench, event } from '../core/bench.ts';

const MESSAGE: Message = {
  vm: 'web1',
  scope: 'set',
  role: 'FrontEnd',
  phase: 'approved',
  eventId: 'E1',
  eventType: 'Reboot',
  resources: ['web1', 'web2'],
  notBeforeMs: Date.UTC(2026, 0, 1, 0, 15),
  hasStarted: false,
  atMs: Date.UTC(2026, 0, 1, 0, 13),
  detail: 'for "web1", web2',
};

describe('the body of a notification', () => {
  it('names event, VM, phase and the time that is left, unless the settings say otherwise', () => {
    expect(fillBody(USUAL_BODY, MESSAGE)).toMatchObject({
      text: 'web1: approved Reboot E1, time left 2m: for "web1", web2',
      resources: 'web1, web2',
      notBefore: '2026-01-01T00:15:00.000Z',
    });
  });

  it('fills texts wherever they are in the template, and nothing can break out of them', () => {
    const template = { blocks: [{ text: '*{vm}* {detail}', size: 3 }, '{nofield}'], ok: true, none: null };
    const filled = fillBody(template, { ...MESSAGE, detail: '"},{"x":"{vm}' });
    expect(JSON.parse(JSON.stringify(filled))).toEqual({
      blocks: [{ text: '*web1* "},{"x":"{vm}', size: 3 }, '{nofield}'],
      ok: true,
      none: null,
    });
  });

  it.each([
    [{ notBeforeMs: undefined }, 'unknown'],
    [{ atMs: Date.UTC(2026, 0, 2) }, 'none'],
    [{ hasStarted: true }, 'none'],
  ])('tells the time that is left when it is %j', (change, expected) => {
    expect(fillBody('{timeLeft}', { ...MESSAGE, ...change })).toBe(expected);
  });
});

interface Rig {
  readonly witness: Witness;
  readonly clock: FakeClock;
  readonly counts: Record<string, number>;
}

function rig(receivers: readonly Receiver[], isDryRun = false): Rig {
  const clock = new FakeClock(0);
  const counts: Record<string, number> = { sent: 0, failed: 0, dropped: 0 };
  const witness = notifyReceivers(receivers, {
    clock,
    random: seededRandom(1),
    log: silentLog,
    signal: new AbortController().signal,
    role: '',
    isDryRun,
    counted: (result) => {
      counts[result] = (counts[result] ?? 0) + 1;
    },
  });
  return { witness, clock, counts };
}

/** A receiver that answers as the test says, and keeps what it was sent. */
function receiver(
  answer: () => Promise<SendResult>,
  change: Partial<Receiver> = {},
): Receiver & { readonly got: string[] } {
  const got: string[] = [];
  return {
    got,
    name: 'hooks.example',
    phases: undefined,
    body: '{phase} {eventId} {detail}',
    send: async (body) => {
      got.push(JSON.parse(body) as string);
      return await answer();
    },
    ...change,
  };
}

const sent = async (): Promise<SendResult> => ({ kind: 'sent' });
const failed = async (): Promise<SendResult> => ({ kind: 'failed', reason: 'answered 503' });
const STATE = new Bench().state;
const happen = (witness: Witness, activity: 'approved' | 'event.seen' | 'drain.proven', eventId = 'E1'): void => {
  witness.wanted({ kind: 'activity', activity, eventId, detail: 'd' }, STATE);
};

describe('notifications', () => {
  it('go to each receiver for the phases that it wants, in order', async () => {
    const usual = receiver(sent);
    const chosen = receiver(sent, { phases: ['drain.proven'] });
    const { witness, clock, counts } = rig([usual, chosen]);
    happen(witness, 'event.seen');
    happen(witness, 'drain.proven');
    happen(witness, 'approved');
    await clock.advance(0);
    expect(usual.got).toEqual(['event.seen E1 d', 'approved E1 d']);
    expect(chosen.got).toEqual(['drain.proven E1 d']);
    expect(counts).toEqual({ sent: 3, failed: 0, dropped: 0 });
  });

  it('are not held up by a receiver that hangs, and nothing waits for it', async () => {
    const hanging = receiver(async () => await new Promise(() => {}));
    const well = receiver(sent);
    const { witness, clock } = rig([hanging, well]);
    happen(witness, 'event.seen');
    happen(witness, 'approved');
    await clock.advance(0);
    expect(well.got).toHaveLength(2);
  });

  it('are tried again with growing pauses while it may help, in order, and given up after a quarter of an hour', async () => {
    let isUp = false;
    const slow = receiver(async () => (isUp ? await sent() : await failed()));
    const { witness, clock, counts } = rig([slow]);
    happen(witness, 'event.seen');
    happen(witness, 'approved');
    await clock.advance('10s');
    const tries = slow.got.length;
    expect(tries).toBeGreaterThan(2);
    expect(tries).toBeLessThan(10);
    isUp = true;
    await clock.advance('1m');
    expect(slow.got.slice(tries)).toEqual(['event.seen E1 d', 'approved E1 d']);
    isUp = false;
    happen(witness, 'approved');
    await clock.advance('20m');
    expect(counts).toEqual({ sent: 2, failed: 1, dropped: 0 });
  });

  it('are not tried again after a clear no', async () => {
    const refusing = receiver(async () => ({ kind: 'refused', reason: 'answered 404' }));
    const { witness, clock, counts } = rig([refusing]);
    happen(witness, 'approved');
    await clock.advance('10m');
    expect(refusing.got).toHaveLength(1);
    expect(counts['failed']).toBe(1);
  });

  it('are dropped, the oldest first, when nobody can be reached for too long', async () => {
    const down = receiver(failed);
    const { witness, clock, counts } = rig([down]);
    for (let index = 0; index < 250; index++) happen(witness, 'approved', `E${index}`);
    await clock.advance(0);
    expect(counts['dropped']).toBe(49);
  });

  it('still know the event when the agent has forgotten it, and say that a dry run was one', async () => {
    const to = receiver(sent, { body: '{phase} {eventType} {detail}' });
    const { witness, clock } = rig([to], true);
    const bench = new Bench();
    const poll = {
      kind: 'poll',
      result: { kind: 'document', document: { incarnation: 1, events: [event()] } },
    } as const;
    bench.observe(poll);
    witness.wanted({ kind: 'activity', activity: 'event.seen', eventId: 'E1', detail: 'd' }, bench.state);
    witness.wanted({ kind: 'activity', activity: 'restored', eventId: 'E1', detail: 'd' }, STATE);
    await clock.advance(0);
    expect(to.got).toEqual(['event.seen Reboot dry run: d', 'restored Reboot dry run: d']);
  });

  it('leave out what is no event', async () => {
    const to = receiver(sent);
    const { witness, clock } = rig([to]);
    witness.wanted({ kind: 'activity', activity: 'restored', eventId: undefined, detail: 'd' }, STATE);
    await clock.advance(0);
    expect(to.got).toEqual([]);
  });
});
