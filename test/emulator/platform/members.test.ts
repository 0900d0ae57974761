import { describe, expect, it } from 'vitest';
import { applyCommand } from '../../../emulator/platform/apply.ts';
import { documentFor } from '../../../emulator/platform/document.ts';
import { eventOrUndefined } from '../../../emulator/platform/state.ts';
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
