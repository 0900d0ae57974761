import type { Clock } from '../common/runtime/clock.ts';
import type { Environment } from '../common/runtime/environment.ts';
import type { Log } from '../common/runtime/log.ts';
import type { RandomSource } from '../common/runtime/random.ts';
import type { AgentSettings } from './settings.ts';

/** What every part of a running agent is given. */
export interface AgentTools {
  readonly settings: AgentSettings;
  readonly agentVersion: string;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: Log;
  readonly environment: Environment;
  /** Everything is decided and said, nothing is done. */
  readonly isDryRun: boolean;
  readonly signal: AbortSignal;
}
