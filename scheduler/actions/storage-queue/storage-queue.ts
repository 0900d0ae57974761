import type { Dispatcher } from 'undici';
import type { ActionOutcome } from '../../engine/ending.ts';
import type { CollectionRef } from '../../jobs/job.ts';
import type { Claim } from '../../store/store.ts';
import { createOlderAzureHttpClient } from '../azure-http-client.ts';
import { HTTP_TIMEOUT_MS } from '../exchange.ts';
import { describeFailure } from '../http-failure.ts';
import { withinTime } from '../within-time.ts';
import type { QueueMessage } from './definition.ts';
import { envelopeOf } from './envelope.ts';

export interface StorageQueueParts {
  readonly dispatcher: Dispatcher;
  /** With `{account}` for the storage account. */
  readonly endpoint: string;
  readonly locationOf: (collection: CollectionRef) => Promise<string>;
}

export interface StorageQueuePerformer {
  perform(message: QueueMessage, claim: Claim, signal: AbortSignal): Promise<ActionOutcome | undefined>;
}

/**
 * Puts messages into storage queues through Azure's own library, which is loaded with the first one. In base64, as the .NET
 * library did. History messages have the words and the order of names that clients of the real service look for.
 */
export function createStorageQueuePerformer(parts: StorageQueueParts): StorageQueuePerformer {
  const httpClient = createOlderAzureHttpClient(parts.dispatcher);
  return {
    perform: async (queue, claim, signal) => {
      const { storageAccount: account, queueName } = queue;
      const endpoint = parts.endpoint.replace('{account}', account).replace(/\/$/, '');
      try {
        const { AnonymousCredential, QueueClient } = await import('@azure/storage-queue');
        const token = queue.sasToken.reveal().replace(/^\?/, '');
        const client = new QueueClient(`${endpoint}/${queueName}?${token}`, new AnonymousCredential(), {
          httpClient,
          // The job's own retry policy decides when it is tried again.
          retryOptions: { maxTries: 1 },
        });
        const region = await parts.locationOf(claim.job);
        const text = Buffer.from(envelopeOf(claim, { region, message: queue.message })).toString('base64');
        await withinTime(
          HTTP_TIMEOUT_MS,
          signal,
          async (abortSignal) => await client.sendMessage(text, { abortSignal }),
        );
        return {
          status: 'completed',
          message: `StorageQueue Action - Message to account '${account}', queue '${queueName}' succeeded`,
        };
      } catch (error) {
        if (signal.aborted) return undefined;
        return {
          status: 'failed',
          message: `StorageQueue Action - ${describe(error, queue, new URL(endpoint).hostname)}`,
        };
      }
    },
  };
}

function describe(error: unknown, { storageAccount, queueName }: QueueMessage, host: string): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'QueueNotFound') return `Queue '${queueName}' of account ${storageAccount} does not exist`;
  if (code === 'ENOTFOUND') return `Account '${storageAccount}' could not be found`;
  const where = `Message to account '${storageAccount}', queue '${queueName}' failed`;
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  // The service's own text goes on over lines with ids and times; its code says what is wrong.
  if (typeof status === 'number')
    return `${where}: the service answered ${status} ${typeof code === 'string' ? code : ''}`.trimEnd();
  return `${where}: ${describeFailure(error, host)}`;
}
