import { describe, expect, it } from 'vitest';
import type { OutgoingAction } from '../../../../scheduler/actions/actions.ts';
import type { ServiceBusMessage } from '../../../../scheduler/actions/service-bus/definition.ts';
import { Secret } from '../../../../scheduler/secrets/secret.ts';
import { performOnce, FORBIDDEN, FORBIDDEN_REFUSAL } from '../../../support/action-target.ts';
import { AUTHORITY } from '../../../support/certificates.ts';
import { fakeServiceBus } from '../../../support/fake-service-bus.ts';
import { Interrupt } from '../../../../scheduler/engine/interrupt.ts';

const message = (change: Partial<ServiceBusMessage> = {}): ServiceBusMessage => ({
  namespace: 'shop',
  transportType: 'amqp',
  authentication: { type: 'sharedAccessKey', sasKeyName: 'Send', sasKey: Secret.of('the key') },
  message: 'Grüße',
  ...change,
});

const toQueue = (change: Partial<ServiceBusMessage> = {}, queueName = 'orders/new'): OutgoingAction => ({
  type: 'ServiceBusQueue',
  serviceBusQueueMessage: { ...message(change), queueName },
});

describe("Azure's own library, against a fake of Service Bus", () => {
  it('sends the message with its brokered and custom properties, after it has shown a token', async () => {
    const bus = await fakeServiceBus();
    const outcome = await performOnce(
      toQueue({
        brokeredMessageProperties: {
          contentType: 'text/plain',
          correlationId: 'c',
          forcePersistence: true,
          label: 'l',
          messageId: 'm',
          partitionKey: 's',
          replyTo: 'r',
          replyToSessionId: 'rs',
          scheduledEnqueueTimeUtc: '2027-01-01T00:00:00Z',
          sessionId: 's',
          timeToLive: '01:00:00',
          to: 't',
          viaPartitionKey: 'v',
        },
        customMessageProperties: { appName: 'FromScheduler' },
      }),
      { serviceBusAmqp: bus.url },
    );
    expect(outcome).toEqual({
      status: 'completed',
      message: "ServiceBusQueue Action - Message to queue 'orders/new' of namespace 'shop' succeeded: accepted",
    });
    expect(bus.tokens).toEqual([
      {
        audience: expect.stringMatching(/^sb:\/\/127\.0\.0\.1\/orders\/new$/) as string,
        token: expect.stringMatching(/skn=Send$/) as string,
      },
    ]);
    const [received] = bus.messages;
    expect(received?.address).toBe('orders/new');
    const sent = received?.message;
    expect((sent?.body as { content: Buffer } | undefined)?.content.toString('utf8')).toBe('Grüße');
    expect(sent).toMatchObject({
      content_type: 'text/plain',
      correlation_id: 'c',
      durable: true,
      subject: 'l',
      message_id: 'm',
      reply_to: 'r',
      reply_to_group_id: 'rs',
      group_id: 's',
      ttl: 3_600_000,
      to: 't',
      message_annotations: {
        'x-opt-partition-key': 's',
        'x-opt-via-partition-key': 'v',
        'x-opt-scheduled-enqueue-time': new Date('2027-01-01T00:00:00Z'),
      },
      application_properties: {
        appName: 'FromScheduler',
        'x-ms-execution-tag': 'f'.repeat(32),
        'x-ms-scheduler-jobid': 'Nightly',
      },
    });
  });

  it('gives a message the id of its occurrence where the job gives none', async () => {
    const bus = await fakeServiceBus();
    await performOnce(
      { type: 'ServiceBusTopic', serviceBusTopicMessage: { ...message(), topicPath: 'news' } },
      { serviceBusAmqp: bus.url },
    );
    expect(bus.messages).toMatchObject([{ address: 'news', message: { message_id: 'f'.repeat(32) } }]);
  });

  it('checks the certificate of the broker', async () => {
    const bus = await fakeServiceBus({ tls: true });
    expect((await performOnce(toQueue(), { serviceBusAmqp: bus.url, trust: [AUTHORITY] }))?.status).toBe('completed');
    const outcome = await performOnce(toQueue(), { serviceBusAmqp: bus.url });
    expect(outcome?.message).toMatch(/ failed: TrustFailure .*http\.trust/);
    expect(bus.messages).toHaveLength(1);
  });

  it.each([
    [
      'whose token is refused',
      { authentication: { type: 'sharedAccessKey', sasKeyName: 'Denied', sasKey: Secret.of('the key') } },
      'orders',
      /failed: UnauthorizedAccess /,
    ],
    ['to a queue that is not there', {}, 'missing', /failed: MessagingEntityNotFound /],
  ] as const)('says of a message %s what the broker said, and tells no key', async (_what, change, queue, text) => {
    const bus = await fakeServiceBus();
    const outcome = await performOnce(toQueue(change, queue), { serviceBusAmqp: bus.url });
    expect(outcome).toMatchObject({ status: 'failed', message: expect.stringMatching(text) as string });
    expect(outcome?.message).not.toContain('the key');
    expect(bus.messages).toEqual([]);
  });

  it('connects to no address that a job may not call, by number and by name', async () => {
    const bus = await fakeServiceBus();
    for (const [serviceBusAmqp, allowPrivate, text] of [
      [bus.url, false, /failed: AddressRefused 127\.0\.0\.1 is this machine itself/],
      [
        bus.url.replace('127.0.0.1', 'localhost'),
        false,
        /failed: AddressRefused localhost is (127\.0\.0\.1|::1), which is this machine/,
      ],
      [`amqps://${FORBIDDEN}`, true, FORBIDDEN_REFUSAL],
    ] as const) {
      expect((await performOnce(toQueue(), { serviceBusAmqp }, { allowPrivate }))?.message).toMatch(text);
    }
    expect(bus.tokens).toEqual([]);
  });

  it('to a port where nobody listens fails at once', async () => {
    const outcome = await performOnce(toQueue(), { serviceBusAmqp: 'amqp://127.0.0.1:1' });
    expect(outcome?.message).toMatch(/failed: ConnectFailure Unable to connect to the remote server$/);
  });

  it('is left unfinished when the scheduler stops', async () => {
    const bus = await fakeServiceBus();
    const interrupt = new Interrupt();
    interrupt.request();
    expect(await performOnce(toQueue(), { serviceBusAmqp: bus.url }, { interrupt })).toBeUndefined();
  });
});
