import { describe, expect, it } from 'vitest';
import { subjectHash } from '../../../common/agreement/names.ts';
import { applyCommand } from '../../../common/agreement/apply-command.ts';
import { awaitedBy, LEASE_MS, type AgreementRecord } from '../../../common/agreement/record.ts';
import type { AgreementCommand, Outcome, ReportCommand } from '../../../common/agreement/command.ts';

const scope = 'shop';
const eventId = '4CAEA225-A741-474D-A72E-428C86FCD853';
const both = ['FrontEnd_IN_1', 'BackEnd_IN_1'];
const hash = subjectHash({ eventId, eventType: 'Reboot', resources: both });
const front = 'frontend_in_1';
const back = 'backend_in_1';

function report(name: string, number: number, changes: Partial<ReportCommand> = {}): ReportCommand {
  const usual = { scope, eventId, eventType: 'Reboot', resources: both, promise: 'prepared' } as const;
  return {
    kind: 'report',
    ...usual,
    name,
    vmId: `id-${name}`,
    number,
    deadlineReached: false,
    localIntent: false,
    ...changes,
  };
}

/** Applies commands in order, each `at` a time, and remembers every outcome. */
class Scene {
  record: AgreementRecord | undefined;
  now = 1000;
  readonly unmanaged = new Set<string>();

  do(command: AgreementCommand): string {
    const { record, outcome } = applyCommand(this.record, command, { now: this.now, unmanaged: this.unmanaged });
    this.record = record;
    return describeOutcome(outcome);
  }

  get certain(): AgreementRecord {
    if (this.record === undefined) throw new Error('no record yet');
    return this.record;
  }

  bothPrepared(): this {
    this.do(report(front, 1));
    this.do(report(back, 1));
    return this;
  }

  led(holder = front): this {
    expect(this.do({ kind: 'campaign', scope, eventId, holder })).toBe('accepted');
    return this;
  }

  leader(kind: 'intend' | 'approve' | 'reopen' | 'end', changes: object = {}): string {
    const common = { scope, eventId, holder: front, term: this.certain.term };
    return this.do({ kind, ...common, hash, eventType: 'Reboot', resources: both, ...changes });
  }
}

function describeOutcome(outcome: Outcome): string {
  return outcome.kind === 'accepted' ? 'accepted' : outcome.reason;
}

describe('the record of an event', () => {
  it('goes from preparing over intent to approved and ended when everybody has prepared', () => {
    const scene = new Scene().bothPrepared().led();
    const phases = [scene.certain.phase];
    for (const kind of ['intend', 'approve', 'end'] as const) {
      expect(scene.leader(kind)).toBe('accepted');
      phases.push(scene.certain.phase);
    }
    expect(phases).toEqual(['preparing', 'intent', 'approved', 'ended']);
    expect(scene.certain.intent).toEqual({ by: front, term: 1, atMs: 1000 });
  });

  it('accepts every command again that was accepted before, and changes nothing by it', () => {
    const scene = new Scene().bothPrepared().led();
    expect(scene.do(report(back, 1))).toBe('accepted');
    for (const kind of ['intend', 'approve', 'end'] as const) {
      scene.leader(kind);
      const before = scene.certain;
      expect(scene.leader(kind)).toBe('accepted');
      expect(scene.certain).toEqual(before);
    }
  });

  it('refuses any command but a report for an event that nobody has reported', () => {
    expect(new Scene().do({ kind: 'campaign', scope, eventId, holder: front })).toBe('no-record');
  });
});

describe('who may approve', () => {
  it('never takes a VM that has not reported for drained', () => {
    const scene = new Scene();
    scene.do(report(front, 1));
    scene.led();
    expect(awaitedBy(scene.certain, new Set())).toEqual([{ kind: 'unknown', name: back }]);
    expect(scene.leader('intend')).toBe('not-ready');
  });

  it('takes the operator at their word about VMs without an agent', () => {
    const scene = new Scene();
    scene.unmanaged.add(back);
    scene.do(report(front, 1));
    expect(scene.led().leader('intend')).toBe('accepted');
  });

  it.each(['binding', 'released'] as const)('waits for a VM that is %s', (promise) => {
    const scene = new Scene().bothPrepared();
    scene.do(report(back, 2, { promise }));
    expect(scene.led().leader('intend')).toBe('not-ready');
  });

  it('goes ahead when a VM consented instead of preparing', () => {
    const scene = new Scene().bothPrepared();
    scene.do(report(back, 2, { promise: 'consented' }));
    expect(scene.led().leader('intend')).toBe('accepted');
  });

  it('is vetoed by one VM that sees other resources, even when the event does not name it', () => {
    const scene = new Scene().bothPrepared();
    scene.do(report('frontend_in_2', 1, { resources: [...both, 'FrontEnd_IN_2'], promise: 'binding' }));
    expect(awaitedBy(scene.certain, new Set())).toEqual([{ kind: 'dissent', name: 'frontend_in_2' }]);
    expect(scene.led().leader('intend')).toBe('not-ready');
  });

  it('does not count a promise that was made for other resources', () => {
    const scene = new Scene().bothPrepared().led();
    const grown = [...both, 'FrontEnd_IN_2'];
    expect(scene.leader('reopen', { resources: grown })).toBe('accepted');
    expect(scene.leader('intend', { hash: scene.certain.hash })).toBe('not-ready');
  });
});

describe('writes of a VM', () => {
  it('are refused when a newer one came before', () => {
    const scene = new Scene();
    scene.do(report(front, 5, { promise: 'released' }));
    expect(scene.do(report(front, 4))).toBe('stale-number');
    expect(scene.do(report(front, 5))).toBe('stale-number');
    expect(scene.certain.members[front]?.promise).toBe('released');
  });

  it('are refused from another machine with the same name', () => {
    const scene = new Scene().bothPrepared();
    expect(scene.do(report(front, 9, { vmId: 'clone' }))).toBe('other-identity');
    expect(scene.do({ kind: 'withdraw', scope, eventId, name: front, vmId: 'clone', number: 9 })).toBe(
      'other-identity',
    );
  });
});

describe('the lease', () => {
  it('has one holder until it lapses, and each new one has a higher term', () => {
    const scene = new Scene().bothPrepared().led();
    expect(scene.do({ kind: 'campaign', scope, eventId, holder: back })).toBe('lease-held');
    scene.now += LEASE_MS;
    scene.led(back);
    expect(scene.certain).toMatchObject({ term: 2, lease: { holder: back } });
  });

  it('keeps its term when its holder renews in time, and not when it comes late', () => {
    const scene = new Scene().bothPrepared().led();
    scene.now += LEASE_MS - 1;
    expect(scene.led().certain.term).toBe(1);
    scene.now += LEASE_MS;
    expect(scene.led().certain.term).toBe(2);
  });

  it('is not given to a VM that has no part in the event', () => {
    const scene = new Scene().bothPrepared();
    expect(scene.do({ kind: 'campaign', scope, eventId, holder: 'stranger' })).toBe('not-a-member');
  });

  it('must still run when the intent is recorded', () => {
    const scene = new Scene().bothPrepared().led();
    scene.now += LEASE_MS;
    expect(scene.leader('intend')).toBe('lease-expired');
  });

  it.each(['intend', 'approve', 'reopen', 'end'] as const)('of an older term may not %s', (kind) => {
    const scene = new Scene().bothPrepared().led();
    scene.leader('intend');
    scene.now += LEASE_MS;
    scene.led(back);
    expect(scene.leader(kind, { term: 1 })).toBe('stale-term');
    expect(scene.leader(kind)).toBe('stale-term');
  });

  it('taken over inside an open intent lets the new leader make it its own', () => {
    const scene = new Scene().bothPrepared().led();
    scene.leader('intend');
    scene.now += LEASE_MS;
    scene.led(back);
    expect(scene.leader('intend', { holder: back })).toBe('accepted');
    expect(scene.certain.intent).toMatchObject({ by: back, term: 2 });
    expect(scene.leader('approve', { holder: back })).toBe('accepted');
  });
});

describe('withdrawal', () => {
  const withdraw = { kind: 'withdraw', scope, eventId, name: front, vmId: `id-${front}`, number: 2 } as const;

  it('is granted before any intent, and the event is then left to the platform', () => {
    const scene = new Scene().bothPrepared().led();
    expect(scene.do(withdraw)).toBe('accepted');
    expect(scene.certain.phase).toBe('aborted');
    expect(scene.leader('intend')).toBe('wrong-phase');
    expect(scene.do(withdraw)).toBe('accepted');
  });

  it('is refused once an intent was recorded, also after the record was reopened', () => {
    const scene = new Scene().bothPrepared().led();
    scene.leader('intend');
    expect(scene.do(withdraw)).toBe('intent-recorded');
    expect(scene.leader('reopen', { resources: [...both, 'FrontEnd_IN_2'] })).toBe('accepted');
    expect(scene.do(withdraw)).toBe('intent-recorded');
  });

  it('is refused when a VM alone recorded an intent on its own disk', () => {
    const scene = new Scene();
    scene.do(report(front, 1, { localIntent: true }));
    expect(scene.do(withdraw)).toBe('intent-recorded');
  });

  it('is not revived by a promise that was sent before and arrives after', () => {
    const scene = new Scene().bothPrepared();
    scene.do(withdraw);
    expect(scene.do(report(front, 1))).toBe('stale-number');
    expect(scene.certain.members[front]?.promise).toBe('withdrawn');
  });
});

describe('reopening', () => {
  it('brings an ended event back, with its intent remembered', () => {
    const scene = new Scene().bothPrepared().led();
    for (const kind of ['intend', 'approve', 'end'] as const) scene.leader(kind);
    expect(scene.leader('reopen')).toBe('accepted');
    expect(scene.certain).toMatchObject({ phase: 'preparing', everIntent: true, intent: undefined });
  });

  it('of an ended event counts none of the promises that were given for it', () => {
    const scene = new Scene().bothPrepared().led();
    for (const kind of ['intend', 'approve', 'end', 'reopen'] as const) expect(scene.leader(kind)).toBe('accepted');
    expect(scene.leader('intend')).toBe('not-ready');
    // A retry of the old promise stays what it was; a new one counts.
    expect(scene.do(report(back, 1))).toBe('stale-number');
    scene.do(report(back, 2));
    expect(awaitedBy(scene.certain, new Set()).map(({ name }) => name)).toEqual([front]);
    scene.do(report(front, 2));
    expect(scene.leader('intend')).toBe('accepted');
  });

  it('does not undo an approval that the platform has', () => {
    const scene = new Scene().bothPrepared().led();
    scene.leader('intend');
    scene.leader('approve');
    expect(scene.leader('reopen', { resources: [...both, 'FrontEnd_IN_2'] })).toBe('wrong-phase');
  });

  it('is needed before an intent for other resources', () => {
    const scene = new Scene().bothPrepared().led();
    expect(scene.leader('intend', { hash: 'another' })).toBe('hash-differs');
  });
});
