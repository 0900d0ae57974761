import type { Dispatcher } from 'undici';
import type { Clock } from '../../../common/runtime/clock.ts';
import type { ActionOutcome } from '../../engine/ending.ts';
import type { Claim } from '../../store/store.ts';
import { HTTP_TIMEOUT_MS } from '../exchange.ts';
import type { AddressGuard } from '../guarded-agent.ts';
import { describeFailure } from '../http-failure.ts';
import { withinTime } from '../within-time.ts';
import { sendOverAmqp } from './amqp.ts';
import type { ServiceBusMessage } from './definition.ts';
import { brokeredMessageOf } from './message.ts';
import { BrokerRefusedError, sendOverRest } from './net-messaging.ts';

export interface ServiceBusParts {
  readonly dispatcher: Dispatcher;
  readonly guard: AddressGuard;
  readonly ca: readonly string[] | undefined;
  /** With `{namespace}`. */
  readonly amqp: string;
  readonly rest: string;
  readonly clock: Clock;
}

/** A queue or a topic. */
export interface Entity {
  readonly kind: 'Queue' | 'Topic';
  readonly path: string;
}

export interface ServiceBusPerformer {
  perform(
    wanted: ServiceBusMessage,
    entity: Entity,
    claim: Claim,
    signal: AbortSignal,
  ): Promise<ActionOutcome | undefined>;
}

/** Sends messages to Service Bus, by the transport that the job names. */
export function createServiceBusPerformer(parts: ServiceBusParts): ServiceBusPerformer {
  const { dispatcher, guard, ca, clock } = parts;
  return {
    perform: async (wanted, entity, claim, signal) => {
      // Clients of the real service find name and namespace by their quotes, and what happened before the first colon.
      const about =
        `ServiceBus${entity.kind} Action - Message to ${entity.kind.toLowerCase()} '${entity.path}' ` +
        `of namespace '${wanted.namespace}'`;
      const isAmqp = wanted.transportType === 'amqp';
      const endpoint = (isAmqp ? parts.amqp : parts.rest).replace('{namespace}', wanted.namespace);
      try {
        const { sasKeyName, sasKey } = wanted.authentication;
        const access = { keyName: sasKeyName, key: sasKey.reveal() };
        const message = brokeredMessageOf(wanted, claim);
        const to = { endpoint, path: entity.path, access, nowMs: clock.now() };
        await withinTime(HTTP_TIMEOUT_MS, signal, async (limit) => {
          if (isAmqp) await sendOverAmqp(message, { ...to, guard, ca, signal: limit });
          else await sendOverRest(message, { ...to, dispatcher, signal: limit });
        });
        return { status: 'completed', message: `${about} succeeded: ${isAmqp ? 'accepted' : 'created'}` };
      } catch (error) {
        if (signal.aborted) return undefined;
        return { status: 'failed', message: `${about} failed: ${describe(error, new URL(endpoint).hostname)}` };
      }
    },
  };
}

function describe(error: unknown, host: string): string {
  if (error instanceof BrokerRefusedError) return error.message;
  // The library's names for what a broker says: MessagingEntityNotFound, UnauthorizedAccess, QuotaExceeded…
  const code = error instanceof Error && error.name === 'ServiceBusError' && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && code !== 'GeneralError' && error instanceof Error
    ? `${code} ${error.message}`
    : describeFailure(error, host);
}
