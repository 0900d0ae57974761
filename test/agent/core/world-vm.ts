import type { AgentState, DurableState } from '../../../agent/core/state.ts';

/** One VM of a world: its agent, and what outlives its agent. */
export interface Vm {
  readonly name: string;
  state: AgentState;
  disk: DurableState | undefined;
  /** Raised at every crash: what was under way before it comes to nothing. */
  life: number;
  isAlive: boolean;
  /** The balancer sends traffic here. */
  isOpen: boolean;
  isConnected: boolean;
  glitchUntilMs: number;
}
