import { z } from 'zod';
import { authenticationSchema } from './authentication/definition.ts';
import { serviceBusQueueMessageSchema, serviceBusTopicMessageSchema } from './service-bus/definition.ts';
import { queueMessageSchema } from './storage-queue/definition.ts';

const retryPolicy = z
  .strictObject({
    retryType: z.enum(['none', 'fixed']),
    /** A .NET TimeSpan, `hh:mm:ss` or `d.hh:mm:ss`: the form the service answers in. */
    retryInterval: z.string().optional(),
    retryCount: z.int().optional(),
  })
  .optional();

const http = z.strictObject({
  type: z.enum(['Http', 'Https']),
  request: z.strictObject({
    /** As sent, byte for byte. */
    uri: z.string(),
    /** As sent, in any case. */
    method: z.string(),
    body: z.string().optional(),
    headers: z.record(z.string(), z.string()).optional(),
    authentication: authenticationSchema.optional(),
  }),
  retryPolicy,
});

const storageQueue = z.strictObject({ type: z.literal('StorageQueue'), queueMessage: queueMessageSchema, retryPolicy });

const serviceBusQueue = z.strictObject({
  type: z.literal('ServiceBusQueue'),
  serviceBusQueueMessage: serviceBusQueueMessageSchema,
  retryPolicy,
});

const serviceBusTopic = z.strictObject({
  type: z.literal('ServiceBusTopic'),
  serviceBusTopicMessage: serviceBusTopicMessageSchema,
  retryPolicy,
});

/** Performed, with retries of its own, once the action itself has failed for good. */
const errorAction = z.discriminatedUnion('type', [http, storageQueue, serviceBusQueue, serviceBusTopic]).optional();

/** The actions that lead out of the scheduler, as stored; the rollout is the other. */
export const outgoingActionSchemas = [
  http.extend({ errorAction }),
  storageQueue.extend({ errorAction }),
  serviceBusQueue.extend({ errorAction }),
  serviceBusTopic.extend({ errorAction }),
] as const;
