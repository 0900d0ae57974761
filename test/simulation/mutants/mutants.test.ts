import { describe, expect, it } from 'vitest';
import { Threads } from '../on-threads.ts';
import { describeMutants } from '../report.ts';
import { playScenario, SCENARIO_NAMES } from '../scenarios/scenarios.ts';
import { loadMutant } from './build.ts';
import type { Finding } from './find.ts';
import { MUTANTS } from './mutants.ts';

/** All are found well before; `npm run simulate -- --mutants` looks longer. */
const SEEDS = 2000;

/** The machine may have much else to do. */
const PATIENCE_MS = 300_000;

async function find(names: readonly string[]): Promise<readonly Finding[]> {
  const threads = new Threads();
  try {
    return await threads.mutants(names, SEEDS);
  } finally {
    await threads.close();
  }
}

describe('a rule of the product that is switched off', () => {
  it('is found, each, by an invariant that the product keeps in the same runs', { timeout: PATIENCE_MS }, async () => {
    const names = MUTANTS.map(({ name }) => name);
    expect(new Set(names).size).toBeGreaterThanOrEqual(15);
    const findings = await find(names);
    process.stdout.write(`${describeMutants(findings)}\n`);
    expect(findings.filter(({ found }) => found === undefined).map(({ mutant }) => mutant)).toEqual([]);
    expect(findings.filter(({ control }) => control.length > 0)).toEqual([]);
    expect(findings.map(({ mutant }) => mutant)).toEqual(names);
  });

  it('is refused when its text is not in the sources exactly once', async () => {
    const [first] = MUTANTS;
    const file = 'agent/core/decide.ts';
    const of = (text: string): Promise<unknown> =>
      loadMutant({ ...(first as (typeof MUTANTS)[number]), edits: [{ file, text, instead: '' }] });
    await expect(of('text that nobody wrote')).rejects.toThrow('found it 0 times');
    await expect(of('draft.state')).rejects.toThrow(/found it \d+ times/);
  });
});

describe('a scenario', () => {
  it.each(SCENARIO_NAMES)('%s: breaks nothing', (name) => {
    expect(playScenario(name)).toEqual([]);
  });
});
