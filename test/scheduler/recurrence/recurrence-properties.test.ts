import { describe, expect, it } from 'vitest';
import { compareClocks } from './compare-clocks.ts';
import { compareRules } from './compare-rules.ts';

// The short forms of `npm run soak -- recurrence`; a message names the seed.
describe('random rules', () => {
  it('are due when rrule-temporal says so, and counting and skipping agree with stepping', () => {
    const { differences, never, rules } = compareRules(1, 700);
    expect(differences).toEqual([]);
    // Most rules must have been compared, not been found to be due never.
    expect(never).toBeLessThan(rules / 5);
  });

  it('in zones are due as their policy says through thirteen months of clock changes', () => {
    const { differences } = compareClocks(1, 100, ['Europe/Berlin', 'Australia/Lord_Howe', 'America/Santiago']);
    expect(differences).toEqual([]);
  });
});
