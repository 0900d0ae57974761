import { describe, expect, it } from 'vitest';
import { documentOf } from '../../../emulator/platform/document.ts';
import { parseStateOrUndefined, renderState, restoreState } from '../../../emulator/state/saved-state.ts';
import type { PlatformState } from '../../../emulator/platform/state.ts';
import { apply, EVENT_ID, platform, scheduled, START_MS } from '../support.ts';

function restored(state: PlatformState, over: PlatformState, now = START_MS): PlatformState {
  const saved = parseStateOrUndefined(renderState(state));
  if (saved === undefined) throw new Error('what was written cannot be read');
  return restoreState(over, saved, now);
}

const OTHER_ID = '0A0B0C0D-A741-474D-A72E-428C86FCD853';

describe('a saved state', () => {
  it('is the same after a restart, with every approval, number and finished event', () => {
    const { state } = apply(
      platform({ startAfterApprovalMs: 60_000 }),
      START_MS,
      { kind: 'enable', vm: 'web1' },
      scheduled('Reboot', ['web1', 'web2']),
      { kind: 'approve', vm: 'web2', eventIds: [EVENT_ID] },
      scheduled('Freeze', ['db1'], { eventId: OTHER_ID, durationSeconds: 9 }),
      { kind: 'cancel', eventId: OTHER_ID },
    );
    expect(restored(state, platform({ startAfterApprovalMs: 60_000 }))).toEqual(state);
  });

  it('ends impacts that were under way, because VMs do not outlive their emulator', () => {
    const { state } = apply(platform(), START_MS, scheduled('Preempt', ['db1'], { entry: 'failure' }));
    expect(state.scopes.get('db1')?.events[0]?.life.phase).toBe('impact');
    const later = restored(state, platform(), START_MS + 5000);
    expect(later.scopes.get('db1')?.events[0]?.life).toMatchObject({
      phase: 'lingering',
      impactEndedAtMs: START_MS + 5000,
    });
    expect(later.goneVms).toEqual(new Map([['db1', 'deallocated']]));
  });

  it('gives the document another number when an event has lost its VM', () => {
    const { state } = apply(platform(), START_MS, { kind: 'enable', vm: 'web1' }, scheduled('Reboot', ['web1']));
    const before = state.scopes.get('set');
    const fewer = platform();
    const without = { ...fewer, vms: new Map([...fewer.vms].filter(([name]) => name !== 'web1')) };
    const after = restored(state, without).scopes.get('set');
    if (before === undefined || after === undefined) throw new Error('no scope');
    expect(documentOf(after)).toEqual({ DocumentIncarnation: before.incarnation + 1, Events: [] });
  });

  it.each(['', '{}', 'null', '{"format":"forewarn-emulator-state-9"}', '[1'])('is not what reads %j', (text) => {
    expect(parseStateOrUndefined(text)).toBeUndefined();
  });
});
