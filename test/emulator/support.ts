import {
  createPlatform,
  DEFAULT_PLATFORM_SETTINGS,
  type PlatformSettings,
  type PlatformState,
} from '../../emulator/platform/state.ts';
import { applyCommand, type PlatformCommand } from '../../emulator/platform/apply.ts';
import { advance } from '../../emulator/platform/life.ts';
import type { Effect } from '../../emulator/platform/effects.ts';
import type { ScopeKind, Vm } from '../../emulator/platform/state.ts';

/** VM `name` of `scope`, update domain as given. */
export function vm(name: string, scope: string, updateDomain = 0): Vm {
  return { name, scope, role: '', vmId: `ID-${name}`, updateDomain, faultDomain: 0, zone: '' };
}

export const START_MS = Date.parse('2026-11-20T12:00:00Z');

/** A platform whose VMs web1 and web2 (update domain 0) and web3 (1) share the scope `set`, and db1 stands alone. */
export function platform(
  settings: Partial<PlatformSettings> = {},
  kind: ScopeKind = 'availability-set',
): PlatformState {
  return createPlatform(
    [vm('web1', 'set'), vm('web2', 'set'), vm('web3', 'set', 1), vm('db1', 'db1')],
    { set: kind, db1: 'stand-alone' },
    { ...DEFAULT_PLATFORM_SETTINGS, ...settings },
  );
}

/** Runs commands one after another at one time; throws when one is refused. */
export function apply(state: PlatformState, now: number, ...commands: readonly PlatformCommand[]): Done {
  let current = state;
  const effects: Effect[] = [];
  for (const command of commands) {
    const step = applyCommand(current, command, now);
    if (step.outcome.kind === 'refused') throw new Error(step.outcome.message);
    effects.push(...step.effects);
    const passed = advance(step.state, now);
    effects.push(...passed.effects);
    current = passed.state;
  }
  return { state: current, effects };
}

export interface Done {
  readonly state: PlatformState;
  readonly effects: readonly Effect[];
}

export const EVENT_ID = '4CAEA225-A741-474D-A72E-428C86FCD853';

/** The command that schedules `EVENT_ID`. */
export function scheduled(
  type: 'Freeze' | 'Reboot' | 'Redeploy' | 'Preempt' | 'Terminate',
  resources: readonly string[],
  more: Partial<Extract<PlatformCommand, { kind: 'schedule' }>> = {},
): PlatformCommand {
  return { kind: 'schedule', eventId: EVENT_ID, type, resources, entry: 'announced', ...more };
}
