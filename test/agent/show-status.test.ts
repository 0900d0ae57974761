import { describe, expect, it } from 'vitest';
import { formatStatus } from '../../agent/status/show-status.ts';

describe('the status for people', () => {
  it('says why the VM is out, and whom an event waits for', () => {
    const text = formatStatus({
      name: 'web1',
      scope: 'set',
      inRotation: false,
      reasons: ['Reboot E1: prepared'],
      lastPoll: { ok: false, agoMs: 1500, reason: '500' },
      coordinator: 'ready',
      warnings: ['the clock is wrong'],
      events: [
        {
          eventId: 'E1',
          eventType: 'Reboot',
          status: 'Scheduled',
          resources: ['web1', 'web2'],
          promise: 'prepared',
          stance: 'serving',
          reason: 'it leaves as late as it can',
          preparation: 'proven',
          approved: false,
          record: { phase: 'preparing', leader: 'web1', awaited: ['web2: not-prepared'] },
        },
      ],
      maintenance: [{ workId: 'W', reason: 'patch', step: 'prove', released: false }],
    });
    expect(text.split('\n')).toEqual([
      'web1 (set): out of rotation',
      '  because: Reboot E1: prepared',
      'last poll: failed (500), 1.5 s ago',
      'coordinator: ready',
      'warning: the clock is wrong',
      '',
      'EVENT  TYPE    STATUS     VMS        PROMISE   DRAIN   AGREEMENT',
      'E1     Reboot  Scheduled  web1,web2  prepared  proven  preparing, leader web1, awaits web2: not-prepared',
      'E1 stays in service for now: it leaves as late as it can',
      'maintenance W (patch): prove',
    ]);
  });
});
