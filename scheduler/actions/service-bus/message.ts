import { parseInstantOrUndefined, formatMs } from '../../jobs/instant.ts';
import { parseTimeSpanOrUndefined } from '../../jobs/retry.ts';
import type { Claim } from '../../store/store.ts';
import type { ServiceBusMessage } from './definition.ts';

/** A message as the broker is to get it, whatever the transport. */
export interface BrokeredMessage {
  readonly body: string;
  readonly contentType: string | undefined;
  readonly correlationId: string | undefined;
  readonly forcePersistence: boolean | undefined;
  readonly label: string | undefined;
  readonly messageId: string;
  readonly partitionKey: string | undefined;
  readonly replyTo: string | undefined;
  readonly replyToSessionId: string | undefined;
  readonly scheduledEnqueueMs: number | undefined;
  readonly sessionId: string | undefined;
  readonly timeToLiveMs: number | undefined;
  readonly to: string | undefined;
  readonly viaPartitionKey: string | undefined;
  readonly custom: Readonly<Record<string, string>>;
}

/**
 * The message of one execution. Its id, unless the job says another, is the same for every try of an occurrence, so that a
 * queue with duplicate detection takes it once. Custom properties besides those of the job tell what HTTP targets learn.
 */
export function brokeredMessageOf(wanted: ServiceBusMessage, { job, execution }: Claim): BrokeredMessage {
  const brokered = wanted.brokeredMessageProperties ?? {};
  const { scheduledEnqueueTimeUtc, timeToLive } = brokered;
  return {
    body: wanted.message,
    contentType: brokered.contentType,
    correlationId: brokered.correlationId,
    forcePersistence: brokered.forcePersistence,
    label: brokered.label,
    messageId: brokered.messageId ?? execution.key,
    partitionKey: brokered.partitionKey,
    replyTo: brokered.replyTo,
    replyToSessionId: brokered.replyToSessionId,
    scheduledEnqueueMs:
      scheduledEnqueueTimeUtc === undefined ? undefined : parseInstantOrUndefined(scheduledEnqueueTimeUtc)?.ms,
    sessionId: brokered.sessionId,
    timeToLiveMs: timeToLive === undefined ? undefined : parseTimeSpanOrUndefined(timeToLive),
    to: brokered.to,
    viaPartitionKey: brokered.viaPartitionKey,
    custom: {
      'x-ms-execution-tag': execution.key,
      'x-ms-scheduler-jobid': job.job,
      'x-ms-scheduler-jobcollection': job.collection,
      'x-ms-scheduler-expected-execution-time': formatMs(execution.dueMs),
      ...wanted.customMessageProperties,
    },
  };
}
