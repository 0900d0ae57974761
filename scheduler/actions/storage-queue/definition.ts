import { z } from 'zod';
import { secretSchema } from '../../secrets/secret.ts';

/** A message for a storage queue, as stored. */
export const queueMessageSchema = z.strictObject({
  storageAccount: z.string(),
  queueName: z.string(),
  sasToken: secretSchema,
  message: z.string(),
});
export type QueueMessage = z.output<typeof queueMessageSchema>;
