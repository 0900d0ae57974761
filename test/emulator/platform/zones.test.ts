import { describe, expect, it } from 'vitest';
import { documentOf, type EventsDocument } from '../../../emulator/platform/document.ts';
import { askedWorthNoting } from '../../../emulator/platform/enabling.ts';
import { advance, nextDeadline } from '../../../emulator/platform/life.ts';
import {
  createPlatform,
  DEFAULT_PLATFORM_SETTINGS,
  type PlatformState,
  type ScopeKind,
  type ScopeState,
} from '../../../emulator/platform/state.ts';
import { parseStateOrUndefined, renderState, restoreState } from '../../../emulator/state/saved-state.ts';
import { apply, EVENT_ID, scheduled, START_MS, vm } from '../support.ts';

const DAY_MS = 24 * 3_600_000;
const HOUR_MS = 3_600_000;

/** VMs p_0 in zone 1, p_1 in zone 2. */
function zonal(kind: ScopeKind = 'scale-set'): PlatformState {
  const vms = [
    { ...vm('p_0', 'p'), zone: '1' },
    { ...vm('p_1', 'p'), zone: '2' },
  ];
  return createPlatform(vms, { p: kind }, DEFAULT_PLATFORM_SETTINGS);
}

function scopeOf(state: PlatformState): ScopeState {
  const scope = state.scopes.get('p');
  if (scope === undefined) throw new Error('no such scope');
  return scope;
}

const seen = (state: PlatformState): EventsDocument => documentOf(scopeOf(state));
const ask = (name: string) => ({ kind: 'enable', vm: name }) as const;
const LONG = { noticeMs: 7 * DAY_MS };

describe('a scale set over zones', () => {
  it('has events of a zone in its document only once a VM of that zone has asked, and that is another document', () => {
    const asked = apply(zonal(), START_MS, ask('p_0'), scheduled('Reboot', ['p_1'], LONG)).state;
    expect(seen(asked)).toEqual({ DocumentIncarnation: 1, Events: [] });
    const both = apply(asked, START_MS + 1000, ask('p_1')).state;
    expect(seen(both)).toMatchObject({ DocumentIncarnation: 2, Events: [{ EventId: EVENT_ID, Resources: ['p_1'] }] });
  });

  it('shows an event of a zone that asks at once, to the VMs of every zone', () => {
    const { state } = apply(zonal(), START_MS, ask('p_0'), scheduled('Reboot', ['p_0'], LONG));
    expect(seen(state)).toMatchObject({ DocumentIncarnation: 2, Events: [{ Resources: ['p_0'] }] });
  });

  it('shows an event over two zones once one of them asks', () => {
    const { state } = apply(zonal(), START_MS, ask('p_1'), scheduled('Freeze', ['p_0', 'p_1'], LONG));
    expect(seen(state).Events).toHaveLength(1);
  });

  it('loses the events of a zone that has not asked for a day, whatever the others do', () => {
    const both = apply(zonal(), START_MS, ask('p_0'), ask('p_1'), scheduled('Reboot', ['p_1'], LONG)).state;
    expect(seen(both).DocumentIncarnation).toBe(2);
    const later = apply(both, START_MS + HOUR_MS, ask('p_0')).state;
    expect(nextDeadline(later)).toBe(START_MS + DAY_MS);
    const forgotten = advance(later, START_MS + DAY_MS).state;
    expect(seen(forgotten)).toEqual({ DocumentIncarnation: 3, Events: [] });
    expect(nextDeadline(forgotten)).toBe(START_MS + HOUR_MS + DAY_MS);
    const again = apply(forgotten, START_MS + DAY_MS + 1000, ask('p_1')).state;
    expect(seen(again)).toMatchObject({ DocumentIncarnation: 4, Events: [{ Resources: ['p_1'] }] });
  });

  it('counts from 1 again when no zone has asked for a day', () => {
    const { state } = apply(zonal(), START_MS, ask('p_0'), scheduled('Reboot', ['p_0'], LONG));
    const forgotten = advance(state, START_MS + DAY_MS).state;
    expect(scopeOf(forgotten)).toMatchObject({ isEnabled: false, incarnation: 1 });
    expect(seen(apply(forgotten, START_MS + 2 * DAY_MS, ask('p_1')).state)).toEqual({
      DocumentIncarnation: 1,
      Events: [],
    });
  });

  it('keeps its number while an event that it does not show starts and goes', () => {
    const asked = apply(zonal(), START_MS, ask('p_0'), scheduled('Freeze', ['p_1'], { durationSeconds: 0 })).state;
    const started = apply(asked, START_MS, { kind: 'start', eventId: EVENT_ID }).state;
    expect(seen(started)).toEqual({ DocumentIncarnation: 1, Events: [] });
    const gone = apply(started, START_MS, { kind: 'complete', eventId: EVENT_ID }).state;
    expect(seen(gone)).toEqual({ DocumentIncarnation: 1, Events: [] });
  });

  it('has the requests of each zone noted by themselves', () => {
    const { state } = apply(zonal(), START_MS, ask('p_0'));
    const at = { settings: state.settings, now: START_MS + 1 };
    expect(askedWorthNoting(scopeOf(state), { zone: '1' }, at)).toBe(false);
    expect(askedWorthNoting(scopeOf(state), { zone: '2' }, at)).toBe(true);
  });

  it('is the same after a restart', () => {
    const { state } = apply(zonal(), START_MS, ask('p_0'), scheduled('Reboot', ['p_1'], LONG));
    const saved = parseStateOrUndefined(renderState(state));
    expect(saved === undefined ? undefined : restoreState(zonal(), saved, START_MS)).toEqual(state);
  });
});

it('knows no zones outside of scale sets', () => {
  const { state } = apply(zonal('availability-set'), START_MS, ask('p_0'), scheduled('Reboot', ['p_1'], LONG));
  expect(seen(state)).toMatchObject({ DocumentIncarnation: 2, Events: [{ Resources: ['p_1'] }] });
});
