import type { Bias, Mode } from '../faults.ts';

/** One text of one source file, found in it exactly once, and what is there instead. */
export interface Edit {
  /** From the root of the repository. */
  readonly file: string;
  readonly text: string;
  readonly instead: string;
}

/** One rule switched off. */
export interface Mutant {
  readonly name: string;
  /** Which rule it is, of those that `common/protocol/README.md` and the sources number. */
  readonly rule: string;
  readonly edits: readonly Edit[];
  /** Runs with the faults that the rule is there for (`first`: from that seed on, where it is known to be found late); or a scenario. */
  readonly found:
    | { readonly mode: Mode; readonly bias?: Bias; readonly first?: number }
    | { readonly scenario: string };
}
