import { describe, expect, it } from 'vitest';
import { applyCommand } from '../../../emulator/platform/apply.ts';
import { documentFor } from '../../../emulator/platform/document.ts';
import { eventOrUndefined, type PlatformState } from '../../../emulator/platform/state.ts';
import { apply, EVENT_ID, platform, scheduled, START_MS, vm } from '../support.ts';

const enable = { kind: 'enable', vm: 'web1' } as const;

describe('a VM that comes', () => {
  it('joins its scope, sees its events, and may be named by the next', () => {
    const add = { kind: 'add-vm', vm: vm('web4', 'set'), scopeKind: 'availability-set' } as const;
    const { state } = apply(platform(), START_MS, enable, scheduled('Reboot', ['web1']), add);
    expect(documentFor(state, 'web4')?.document.Events).toMatchObject([{ Resources: ['web1'] }]);
    const named = apply(state, START_MS, scheduled('Freeze', ['web1', 'web4'], { eventId: 'B' }));
    expect(eventOrUndefined(named.state, 'B')?.resources).toEqual(['web1', 'web4']);
  });

  it('brings its scope with it, and is refused under a name that is taken', () => {
    const add = { kind: 'add-vm', vm: vm('new1', 'other'), scopeKind: 'cloud-service' } as const;
    const { state } = apply(platform(), START_MS, add);
    expect(documentFor(state, 'new1')).toMatchObject({ kind: 'cloud-service', document: { Events: [] } });
    expect(applyCommand(state, { ...add, vm: vm('NEW1', 'set') }, START_MS).outcome).toMatchObject({
      reason: 'vm-exists',
    });
  });
});

describe('a VM that is removed', () => {
  it('is named no longer by events that have not started', () => {
    const { state } = apply(platform(), START_MS, enable, scheduled('Reboot', ['web1', 'web2']));
    const after = apply(state, START_MS, { kind: 'remove-vm', vm: 'WEB2' }).state;
    expect(documentFor(after, 'web1')?.document).toMatchObject({
      DocumentIncarnation: 3,
      Events: [{ Resources: ['web1'] }],
    });
    expect(documentFor(after, 'web2')).toBeUndefined();
  });

  it('takes an event with it that named nobody else', () => {
    const { state } = apply(platform(), START_MS, scheduled('Reboot', ['web2']), { kind: 'remove-vm', vm: 'web2' });
    expect(eventOrUndefined(state, EVENT_ID)).toBeUndefined();
    expect(state.finished).toMatchObject([{ outcome: 'cancelled' }]);
  });

  it('leaves an event alone that has started: the impact is on its way', () => {
    const start = { kind: 'start', eventId: EVENT_ID } as const;
    const remove = { kind: 'remove-vm', vm: 'web2' } as const;
    const { state } = apply(platform(), START_MS, scheduled('Freeze', ['web1', 'web2']), start, remove);
    expect(eventOrUndefined(state, EVENT_ID)?.resources).toEqual(['web1', 'web2']);
  });

  it('leaves its scope when it was the last: the documents of who comes after it count on', () => {
    const ask = { kind: 'enable', vm: 'db1' } as const;
    const { state } = apply(platform(), START_MS, ask, scheduled('Reboot', ['db1']), { kind: 'remove-vm', vm: 'db1' });
    expect(applyCommand(state, { kind: 'remove-vm', vm: 'db1' }, START_MS).outcome).toMatchObject({
      reason: 'unknown-vm',
    });
    const add = { kind: 'add-vm', vm: vm('db1', 'db1'), scopeKind: 'stand-alone' } as const;
    expect(documentFor(apply(state, START_MS, add).state, 'db1')?.document).toEqual({
      DocumentIncarnation: 3,
      Events: [],
    });
  });
});

describe('a VM that its user stops', () => {
  const stop = (state: PlatformState, as: 'stopped' | 'deallocated'): PlatformState =>
    apply(state, START_MS, { kind: 'stop-vm', vm: 'WEB1', as }).state;

  it('leaves the events that have not started, and is named by no new one', () => {
    const { state } = apply(
      platform(),
      START_MS,
      { kind: 'enable', vm: 'web2' },
      scheduled('Reboot', ['web1', 'web2']),
      { kind: 'stop-vm', vm: 'web1', as: 'stopped' },
    );
    expect(state.scopes.get('set')?.events.map((event) => event.resources)).toEqual([['web2']]);
    const refused = applyCommand(state, scheduled('Reboot', ['web1'], { eventId: 'E2' }), START_MS);
    expect(refused.outcome).toMatchObject({ reason: 'vm-gone', message: 'VM web1 does not run: it is stopped' });
  });

  it('is deallocated when it was stopped, but not stopped when it was deallocated, and runs once it is started', () => {
    expect(stop(stop(platform(), 'stopped'), 'deallocated').goneVms.get('web1')).toBe('deallocated');
    const state = stop(stop(platform(), 'deallocated'), 'stopped');
    expect(state.goneVms.get('web1')).toBe('deallocated');
    expect(apply(state, START_MS, { kind: 'start-vm', vm: 'Web1' }).state.goneVms.size).toBe(0);
  });

  it('is what the event says afterwards, and does not come back once it is deleted', () => {
    const ended = (leaves: 'deallocated' | undefined): PlatformState =>
      apply(platform(), START_MS, scheduled('Terminate', ['db1'], { entry: 'failure', leaves }), {
        kind: 'impact-done',
        eventId: EVENT_ID,
      }).state;
    expect(ended('deallocated').goneVms.get('db1')).toBe('deallocated');
    expect(ended(undefined).goneVms.get('db1')).toBe('deleted');
    for (const command of [
      { kind: 'start-vm', vm: 'db1' } as const,
      { kind: 'stop-vm', vm: 'db1', as: 'stopped' } as const,
    ]) {
      expect(applyCommand(ended(undefined), command, START_MS).outcome).toMatchObject({ reason: 'unknown-vm' });
    }
  });
});
