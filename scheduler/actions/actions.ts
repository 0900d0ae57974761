import type { Clock } from '../../common/runtime/clock.ts';
import type { JobAction } from '../jobs/definition.ts';
import type { CollectionRef } from '../jobs/job.ts';
import type { ActionOutcome } from '../engine/ending.ts';
import type { Claim } from '../store/store.ts';
import { createAuthenticator } from './authentication/authenticator.ts';
import { createTokenSource } from './authentication/tokens.ts';
import { createAddressGuard, createGuardedAgent } from './guarded-agent.ts';
import { createHttpPerformer } from './http.ts';
import type { ActionSettings } from './settings.ts';

/** Actions that lead out of the scheduler; a rollout stays inside. */
export type OutgoingAction = Exclude<JobAction, { readonly type: 'Fleet' }>;

export interface Actions {
  /** Undefined: `signal` aborted, and it was left unfinished. Never rejects. */
  perform(action: OutgoingAction, claim: Claim, signal: AbortSignal): Promise<ActionOutcome | undefined>;
  close(): Promise<void>;
}

export interface ActionParts {
  readonly settings: ActionSettings;
  /** The setting `http.allowPrivate`. */
  readonly allowPrivate: boolean;
  /** Where this scheduler itself listens, once it does. */
  readonly ownPort: () => number | undefined;
  /** Where this replica runs, if it was told. */
  readonly region: string | undefined;
  /** The location of a job's collection, as messages tell it. */
  readonly locationOf: (collection: CollectionRef) => Promise<string>;
  readonly clock: Clock;
}

/** Performs the actions of jobs and of their errors. All their connections pass one address guard. */
export function createActions({ settings, allowPrivate, ownPort, region, clock }: ActionParts): Actions {
  const guard = createAddressGuard({ allowPrivate, allow: settings.allow, ownPort });
  const dispatcher = createGuardedAgent(guard, { ca: settings.trust });
  const tokens = createTokenSource({ authority: settings.authority, dispatcher });
  const authenticator = createAuthenticator({ guard, trust: settings.trust, tokens });
  const http = createHttpPerformer({
    dispatcher,
    authenticator,
    followRedirects: settings.followRedirects,
    region,
    clock,
  });
  return {
    perform: async (action, claim, signal) => await http.perform(action, claim, signal),
    close: async () => {
      await dispatcher.destroy();
    },
  };
}
