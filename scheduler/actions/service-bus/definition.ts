import { z } from 'zod';
import { secretSchema } from '../../secrets/secret.ts';

const brokeredPropertiesSchema = z.strictObject({
  contentType: z.string().optional(),
  correlationId: z.string().optional(),
  forcePersistence: z.boolean().optional(),
  label: z.string().optional(),
  messageId: z.string().optional(),
  partitionKey: z.string().optional(),
  replyTo: z.string().optional(),
  replyToSessionId: z.string().optional(),
  /** ISO 8601 in UTC, as it is shown. */
  scheduledEnqueueTimeUtc: z.string().optional(),
  sessionId: z.string().optional(),
  /** A .NET TimeSpan, as it is shown. */
  timeToLive: z.string().optional(),
  to: z.string().optional(),
  viaPartitionKey: z.string().optional(),
});

const messageSchema = z.strictObject({
  namespace: z.string(),
  /** In the lower-case spelling of the real service's answers. */
  transportType: z.enum(['netMessaging', 'amqp']),
  authentication: z.strictObject({ type: z.literal('sharedAccessKey'), sasKeyName: z.string(), sasKey: secretSchema }),
  message: z.string(),
  brokeredMessageProperties: brokeredPropertiesSchema.optional(),
  customMessageProperties: z.record(z.string(), z.string()).optional(),
});

/** Messages for a Service Bus queue and for a topic, as stored. */
export const serviceBusQueueMessageSchema = messageSchema.extend({ queueName: z.string() });
export const serviceBusTopicMessageSchema = messageSchema.extend({ topicPath: z.string() });

export type ServiceBusMessage = z.output<typeof messageSchema>;
