import { playScenario } from '../scenarios/scenarios.ts';
import { simulate } from '../run.ts';
import type { Violation } from '../invariants.ts';
import { loadMutant } from './build.ts';
import type { Mutant } from './mutant.ts';

/** What became of a mutant. */
export interface Finding {
  readonly mutant: string;
  readonly rule: string;
  /** Seed or scenario, and the invariants that it broke; undefined: it was not found. */
  readonly found: { readonly by: string; readonly invariants: readonly string[] } | undefined;
  /** What the product itself breaks in the same runs: nothing, or the finding is worth nothing. */
  readonly control: readonly string[];
}

/** Runs a mutant until it breaks an invariant, for at most so many seeds, and the unchanged product beside it. */
export async function findMutant(mutant: Mutant, seeds: number): Promise<Finding> {
  const build = await loadMutant(mutant);
  const { name, rule, found } = mutant;
  if ('scenario' in found) {
    const broken = namesOf(build.playScenario(found.scenario));
    const control = namesOf(playScenario(found.scenario));
    const by = `scenario: ${found.scenario}`;
    return { mutant: name, rule, found: broken.length === 0 ? undefined : { by, invariants: broken }, control };
  }
  const { mode, bias = {}, first = 1 } = found;
  const control: string[] = [];
  for (let seed = first; seed < first + seeds; seed++) {
    const broken = namesOf(build.simulate(mode, seed, bias).violations);
    control.push(...namesOf(simulate(mode, seed, bias).violations));
    if (broken.length > 0) return { mutant: name, rule, found: { by: `${mode} ${seed}`, invariants: broken }, control };
  }
  return { mutant: name, rule, found: undefined, control };
}

function namesOf(violations: readonly Violation[]): readonly string[] {
  return [...new Set(violations.map(({ invariant }) => invariant))].toSorted();
}
