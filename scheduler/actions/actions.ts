import type { Clock } from '../../common/runtime/clock.ts';
import type { JobAction, JobErrorAction } from '../jobs/definition.ts';
import type { CollectionRef } from '../jobs/job.ts';
import type { ActionOutcome } from '../engine/ending.ts';
import type { Interrupt } from '../engine/interrupt.ts';
import type { Claim } from '../store/store.ts';
import { createAuthenticator } from './authentication/authenticator.ts';
import { createTokenSource } from './authentication/tokens.ts';
import { createAddressGuard, createGuardedAgent } from './guarded-agent.ts';
import { createHttpPerformer, targetOf } from './http.ts';
import { createServiceBusPerformer } from './service-bus/service-bus.ts';
import type { ActionSettings } from './settings.ts';
import { createStorageQueuePerformer } from './storage-queue/storage-queue.ts';

/** Actions that lead out of the scheduler; a rollout stays inside. */
export type OutgoingAction = Exclude<JobAction, { readonly type: 'Fleet' }> | JobErrorAction;

export interface Actions {
  /** Undefined: it was interrupted and left unfinished. Never rejects. */
  perform(action: OutgoingAction, claim: Claim, interrupt: Interrupt): Promise<ActionOutcome | undefined>;
  /** The server that a request goes to; undefined for what goes over connections of other kinds. */
  laneOf(action: OutgoingAction): string | undefined;
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
export function createActions(parts: ActionParts): Actions {
  const { settings, allowPrivate, ownPort, region, locationOf, clock } = parts;
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
  const storageQueue = createStorageQueuePerformer({
    dispatcher,
    endpoint: settings.storageQueueEndpoint,
    locationOf,
  });
  const serviceBus = createServiceBusPerformer({
    dispatcher,
    guard,
    ca: settings.trust,
    amqp: settings.serviceBusAmqp,
    rest: settings.serviceBusRest,
    clock,
  });
  return {
    perform: (action, claim, interrupt) => {
      switch (action.type) {
        case 'Http':
        case 'Https':
          return http.perform(action, claim, interrupt);
        case 'StorageQueue':
          return storageQueue.perform(action.queueMessage, claim, interrupt.signal);
        case 'ServiceBusQueue': {
          const { queueName: path } = action.serviceBusQueueMessage;
          return serviceBus.perform(action.serviceBusQueueMessage, { kind: 'Queue', path }, claim, interrupt.signal);
        }
        case 'ServiceBusTopic': {
          const { topicPath: path } = action.serviceBusTopicMessage;
          return serviceBus.perform(action.serviceBusTopicMessage, { kind: 'Topic', path }, claim, interrupt.signal);
        }
        default:
          return action satisfies never;
      }
    },
    laneOf: (action) => (action.type === 'Http' || action.type === 'Https' ? targetOf(action).origin : undefined),
    close: async () => {
      await dispatcher.destroy();
    },
  };
}
