import type { Mutant } from './mutant.ts';
import { MUTANTS_OF_THE_AGENT } from './of-the-agent.ts';
import { MUTANTS_OF_THE_AGREEMENT } from './of-the-agreement.ts';
import { MUTANTS_OF_THE_JOURNAL } from './of-the-journal.ts';

export const MUTANTS: readonly Mutant[] = [
  ...MUTANTS_OF_THE_AGENT,
  ...MUTANTS_OF_THE_JOURNAL,
  ...MUTANTS_OF_THE_AGREEMENT,
];
