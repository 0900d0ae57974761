import { type QueueClient, QueueSASPermissions, QueueServiceClient } from '@azure/storage-queue';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OutgoingAction } from '../../../../scheduler/actions/actions.ts';
import { Secret } from '../../../../scheduler/secrets/secret.ts';
import { performOnce } from '../../../support/action-target.ts';
import { startAzurite, type Azurite } from '../../../support/azurite.ts';
import { Interrupt } from '../../../../scheduler/engine/interrupt.ts';

const ACCOUNT = 'devstoreaccount1';
let azurite: Azurite;

beforeAll(async () => {
  azurite = await startAzurite('queue');
});

afterAll(async () => {
  await azurite.stop();
});

async function queue(name: string): Promise<QueueClient> {
  const client = QueueServiceClient.fromConnectionString(azurite.connectionString()).getQueueClient(name);
  await client.createIfNotExists();
  return client;
}

/** A token that allows what it says, for an hour. */
function sasOf(client: QueueClient, permissions: string): string {
  const expiresOn = new Date(Date.now() + 3_600_000);
  const url = client.generateSasUrl({ permissions: QueueSASPermissions.parse(permissions), expiresOn });
  return new URL(url).search;
}

const action = (queueName: string, sas: string, message: string): OutgoingAction => ({
  type: 'StorageQueue',
  queueMessage: { storageAccount: ACCOUNT, queueName, sasToken: Secret.of(sas), message },
});

const settings = () => ({ storageQueueEndpoint: `${azurite.url}/{account}` });

describe('a storage queue action, against Azurite', () => {
  it('puts its message into the queue, in the envelope and base64, by a token that may do no more', async () => {
    const client = await queue('orders');
    const sas = sasOf(client, 'a');
    const outcome = await performOnce(action('orders', sas, 'Ich grüße <b>'), settings());
    expect(outcome).toEqual({
      status: 'completed',
      message: `StorageQueue Action - Message to account '${ACCOUNT}', queue 'orders' succeeded`,
    });
    const { receivedMessageItems } = await client.receiveMessages();
    const text = Buffer.from(receivedMessageItems[0]?.messageText ?? '', 'base64').toString('utf8');
    expect(text).toContain('<Message>Ich grüße &lt;b&gt;</Message>');
    expect(text).toContain('<Region>West Europe</Region>');
  });

  it('says so when the queue does not exist, and when the token does not allow it', async () => {
    const client = await queue('read-only');
    const outcome = await performOnce(action('read-only', sasOf(client, 'r'), 'x'), settings());
    expect(outcome).toMatchObject({
      status: 'failed',
      message: expect.stringMatching(
        /^StorageQueue Action - Message to account 'devstoreaccount1', queue 'read-only' failed: the service answered 403 Auth/,
      ) as string,
    });
    const missing = QueueServiceClient.fromConnectionString(azurite.connectionString()).getQueueClient('missing');
    expect(await performOnce(action('missing', sasOf(missing, 'a'), 'x'), settings())).toEqual({
      status: 'failed',
      message: "StorageQueue Action - Queue 'missing' of account devstoreaccount1 does not exist",
    });
  });

  it('is held to the address guard, and tells no token', async () => {
    const outcome = await performOnce(action('orders', '?sig=hunter2', 'x'), settings(), { allowPrivate: false });
    expect(outcome?.message).toMatch(
      /^StorageQueue Action - Message .* failed: AddressRefused 127\.0\.0\.1 is this machine itself; the setting http\.allow/,
    );
    expect(outcome?.message).not.toContain('hunter2');
  });

  it('is left unfinished when the scheduler stops', async () => {
    const interrupt = new Interrupt();
    interrupt.request();
    expect(await performOnce(action('orders', '?sig=x', 'x'), settings(), { interrupt })).toBeUndefined();
  });
});
