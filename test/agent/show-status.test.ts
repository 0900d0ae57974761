import { describe, expect, it } from 'vitest';
import { formatStatus } from '../../agent/status/show-status.ts';

describe('the status for people', () => {
  it('says why the VM is out, and whom an event waits for', () => {
    const event = {
      eventId: 'E1',
      eventType: 'Reboot',
      status: 'Scheduled',
      resources: ['web1', 'web2'],
      notBeforeMs: 1_090_000,
      promise: 'prepared',
      stance: 'serving',
      reason: 'it leaves as late as it can',
      preparation: 'proven',
      approved: false,
      record: { phase: 'preparing', leader: 'web1', awaited: ['web2: not-prepared'] },
    };
    const retried = {
      ...event,
      eventId: 'E2',
      stance: 'out',
      preparation: 'retry',
      detail: 'a hook failed',
      record: null,
    };
    const busy = { ...retried, eventId: 'E3', status: 'Started', preparation: 'prove', detail: '3 established' };
    const text = formatStatus(
      {
        name: 'web1',
        scope: 'set',
        inRotation: false,
        reasons: ['Reboot E1: prepared'],
        lastPoll: { ok: false, agoMs: 1500, reason: '500' },
        coordinator: 'ready',
        warnings: ['the clock is wrong'],
        events: [event, retried, busy],
        maintenance: [{ workId: 'W', reason: 'patch', step: 'prove', released: false }],
      },
      1_000_000,
    );
    expect(text.split('\n')).toEqual([
      'web1 (set): out of rotation',
      '  because: Reboot E1: prepared',
      'last poll: failed (500), 1.5 s ago',
      'coordinator: ready',
      'warning: the clock is wrong',
      '',
      'EVENT  TYPE    STATUS     LEFT    VMS        PROMISE   DRAIN   AGREEMENT',
      'E1     Reboot  Scheduled  1m 30s  web1,web2  prepared  proven  preparing, leader web1, awaits web2: not-prepared',
      'E2     Reboot  Scheduled  1m 30s  web1,web2  prepared  retry   -',
      'E3     Reboot  Started    -       web1,web2  prepared  prove   -',
      'E1 stays in service for now: it leaves as late as it can',
      'E2 could not be drained, and is tried again: a hook failed',
      'E3 waits until traffic has gone: 3 established',
      'maintenance W (patch): prove',
    ]);
  });
});
