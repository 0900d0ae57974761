import { describe, expect, it } from 'vitest';
import { applyCommand } from '../../../common/agreement/apply-command.ts';
import type { AgreementCommand, ForceCommand, ReportCommand } from '../../../common/agreement/command.ts';
import { subjectHash } from '../../../common/agreement/names.ts';
import { awaitedBy, LEASE_MS, type AgreementRecord } from '../../../common/agreement/record.ts';

const eventId = 'E1';
const addressed = { scope: 's', eventId };
const both = ['a', 'b'];
const hash = subjectHash({ eventId, eventType: 'Reboot', resources: both });
const force: ForceCommand = { kind: 'force', ...addressed, by: 'alice', reason: 'b is gone for good' };

function report(name: string, number: number, change: Partial<ReportCommand> = {}): ReportCommand {
  return {
    kind: 'report',
    ...addressed,
    name,
    vmId: `id-${name}`,
    number,
    eventType: 'Reboot',
    resources: both,
    promise: 'binding',
    deadlineReached: false,
    localIntent: false,
    ...change,
  };
}

class Scene {
  record: AgreementRecord | undefined;
  now = 1000;

  do(command: AgreementCommand): string {
    const { record, outcome } = applyCommand(this.record, command, { now: this.now, unmanaged: new Set() });
    this.record = record;
    return outcome.kind === 'accepted' ? 'accepted' : outcome.reason;
  }

  /** `a` drains and leads; `b` was never heard of. */
  led(): this {
    expect(this.do(report('a', 1))).toBe('accepted');
    expect(this.do({ kind: 'campaign', ...addressed, holder: 'a' })).toBe('accepted');
    return this;
  }

  intend(changes: object = {}): string {
    return this.do({ kind: 'intend', ...addressed, holder: 'a', term: this.record?.term ?? 0, hash, ...changes });
  }
}

describe('an event that an operator forces', () => {
  it('awaits nobody any more, and keeps who said so, when and why', () => {
    const scene = new Scene().led();
    expect(scene.intend()).toBe('not-ready');
    expect(scene.do(force)).toBe('accepted');
    expect(scene.record?.forced).toEqual({ hash, by: 'alice', reason: 'b is gone for good', atMs: 1000 });
    expect(scene.record && awaitedBy(scene.record, new Set())).toEqual([]);
    expect(scene.intend()).toBe('accepted');
    expect(scene.record?.phase).toBe('intent');
  });

  it('is still approved by a leader alone, in its own term and with its lease', () => {
    const scene = new Scene().led();
    scene.do(force);
    expect(scene.intend({ holder: 'b' })).toBe('stale-term');
    scene.now += LEASE_MS + 1;
    expect(scene.intend()).toBe('lease-expired');
  });

  it('that names other VMs afterwards is not forced for those, nor when it names the first ones again', () => {
    const scene = new Scene().led();
    scene.do(force);
    const term = scene.record?.term ?? 0;
    const reopen = (resources: readonly string[]): AgreementCommand => ({
      kind: 'reopen',
      ...addressed,
      holder: 'a',
      term,
      eventType: 'Reboot',
      resources,
    });
    const three = [...both, 'c'];
    expect(scene.do(reopen(three))).toBe('accepted');
    scene.do(report('a', 2, { resources: three }));
    const wider = subjectHash({ eventId, eventType: 'Reboot', resources: three });
    expect(scene.intend({ hash: wider })).toBe('not-ready');
    expect(scene.do(reopen(both))).toBe('accepted');
    expect(scene.intend()).toBe('not-ready');
  });

  it('that has ended and comes back as it was is another one', () => {
    const scene = new Scene().led();
    scene.do(force);
    const leader = { ...addressed, holder: 'a', term: scene.record?.term ?? 0 };
    expect(scene.do({ kind: 'end', ...leader })).toBe('accepted');
    expect(scene.do({ kind: 'reopen', ...leader, eventType: 'Reboot', resources: both })).toBe('accepted');
    expect(scene.record?.forced).toBeUndefined();
    expect(scene.intend()).toBe('not-ready');
  });

  it('is refused when it is unknown, over, approved, or when a VM was granted to stay in service', () => {
    expect(new Scene().do(force)).toBe('no-record');
    for (const phase of ['ended', 'approved', 'aborted'] as const) {
      const scene = new Scene().led();
      if (scene.record) scene.record = { ...scene.record, phase };
      expect(scene.do(force)).toBe('wrong-phase');
    }
  });

  it('keeps the first word when it is forced again, and who withdraws before an intent is heard', () => {
    const scene = new Scene().led();
    scene.do(force);
    const before = scene.record;
    expect(scene.do({ ...force, by: 'bob' })).toBe('accepted');
    expect(scene.record).toBe(before);
    expect(scene.do({ kind: 'withdraw', ...addressed, name: 'a', vmId: 'id-a', number: 2 })).toBe('accepted');
    expect(scene.intend()).toBe('wrong-phase');
  });
});

describe('what a record says to people', () => {
  it('NotBefore as the newest report has it, which is no part of what is agreed on', () => {
    const scene = new Scene();
    scene.do(report('a', 1, { notBeforeMs: 5000 }));
    expect(scene.record).toMatchObject({ notBeforeMs: 5000, hash });
    scene.do(report('b', 1));
    expect(scene.record?.notBeforeMs).toBe(5000);
    scene.do(report('b', 2, { notBeforeMs: 7000 }));
    expect(scene.record?.notBeforeMs).toBe(7000);
    // A repetition of the older report is not news.
    expect(scene.do(report('a', 1, { notBeforeMs: 5000 }))).toBe('accepted');
    expect(scene.record?.notBeforeMs).toBe(7000);
  });

  it('since when its leader leads, through every renewal', () => {
    const scene = new Scene().led();
    scene.now += 3000;
    scene.do({ kind: 'campaign', ...addressed, holder: 'a' });
    expect(scene.record?.lease).toEqual({ holder: 'a', expiresAtMs: 4000 + LEASE_MS, sinceMs: 1000 });
    scene.now += LEASE_MS + 1;
    scene.do({ kind: 'campaign', ...addressed, holder: 'a' });
    expect(scene.record?.lease?.sinceMs).toBe(scene.now);
  });
});
