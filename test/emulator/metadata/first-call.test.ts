import { expect, it } from 'vitest';
import { createFirstCalls } from '../../../emulator/metadata/first-call.ts';
import type { ScopeState } from '../../../emulator/platform/state.ts';

const DISABLED: ScopeState = { name: 'set', kind: 'scale-set', isEnabled: false, incarnation: 1, events: [] };
const ENABLED: ScopeState = { ...DISABLED, isEnabled: true };

it('lets all requests of a scope wait until its first one is answered, and the first after it was disabled', () => {
  const calls = createFirstCalls(60_000);
  expect(calls.waitMs(DISABLED, 1000)).toBe(60_000);
  expect(calls.waitMs(DISABLED, 21_000)).toBe(40_000);
  expect(calls.waitMs({ ...DISABLED, name: 'other' }, 21_000)).toBe(60_000);
  expect(calls.waitMs(DISABLED, 61_000)).toBe(0);
  expect(calls.waitMs(ENABLED, 61_001)).toBe(0);
  expect(calls.waitMs(DISABLED, 100_000)).toBe(60_000);
});

it('waits for nothing unless told to', () => {
  expect(createFirstCalls(0).waitMs(DISABLED, 0)).toBe(0);
});
