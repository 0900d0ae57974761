import { describe, expect, it } from 'vitest';
import { askedWorthNoting } from '../../../emulator/platform/enabling.ts';
import { advance, nextDeadline } from '../../../emulator/platform/life.ts';
import { DEFAULT_PLATFORM_SETTINGS, type PlatformState, type ScopeState } from '../../../emulator/platform/state.ts';
import { apply, platform, scheduled, START_MS } from '../support.ts';

const DAY_MS = 24 * 3_600_000;
const NO_ZONE = { zone: '' };

function scopeOf(state: PlatformState): ScopeState {
  const scope = state.scopes.get('set');
  if (scope === undefined) throw new Error('no such scope');
  return scope;
}

describe('a scope that nobody asks about', () => {
  const asked = apply(
    platform(),
    START_MS,
    { kind: 'enable', vm: 'web1' },
    scheduled('Reboot', ['web1'], { noticeMs: 7 * DAY_MS }),
  ).state;

  it('is disabled after a day, and counts from 1 again when it asks again, with the event it still has', () => {
    expect(scopeOf(asked)).toMatchObject({ isEnabled: true, incarnation: 2 });
    expect(nextDeadline(asked)).toBe(START_MS + DAY_MS);
    expect(scopeOf(advance(asked, START_MS + DAY_MS - 1).state).isEnabled).toBe(true);
    const forgotten = advance(asked, START_MS + DAY_MS).state;
    expect(scopeOf(forgotten)).toMatchObject({ isEnabled: false, incarnation: 1 });
    const again = apply(forgotten, START_MS + 2 * DAY_MS, { kind: 'enable', vm: 'web3' }).state;
    expect(scopeOf(again)).toMatchObject({ isEnabled: true, incarnation: 1, events: [{ type: 'Reboot' }] });
    expect(nextDeadline(again)).toBe(START_MS + 3 * DAY_MS);
  });

  it('stays enabled for as long as one of its VMs asks', () => {
    const later = apply(asked, START_MS + DAY_MS - 1, { kind: 'enable', vm: 'web2' }).state;
    expect(scopeOf(advance(later, START_MS + DAY_MS).state)).toMatchObject({ isEnabled: true, incarnation: 2 });
  });

  it('has its requests noted once a minute, so that the document need not be made anew every second', () => {
    const settings = DEFAULT_PLATFORM_SETTINGS;
    expect(askedWorthNoting(scopeOf(platform()), NO_ZONE, { settings, now: START_MS })).toBe(true);
    expect(askedWorthNoting(scopeOf(asked), NO_ZONE, { settings, now: START_MS + 59_999 })).toBe(false);
    expect(askedWorthNoting(scopeOf(asked), NO_ZONE, { settings, now: START_MS + 60_000 })).toBe(true);
  });
});
