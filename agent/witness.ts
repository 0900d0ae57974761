import type { Action } from './core/action.ts';
import type { Observation } from './core/observation.ts';
import type { AgentState } from './core/state.ts';

/**
 * Hears all that the core is told and all that it wants: metrics, notifications. It is called while the agent decides, so it
 * takes a note and returns; nothing ever waits for it, and it changes nothing.
 */
export interface Witness {
  /** `state` is what the observation led to. */
  observed(observation: Observation, state: AgentState): void;
  wanted(action: Action, state: AgentState): void;
}

/** Several witnesses as one. */
export function allWitnesses(witnesses: readonly Witness[]): Witness {
  return {
    observed: (observation, state) => {
      for (const witness of witnesses) witness.observed(observation, state);
    },
    wanted: (action, state) => {
      for (const witness of witnesses) witness.wanted(action, state);
    },
  };
}
