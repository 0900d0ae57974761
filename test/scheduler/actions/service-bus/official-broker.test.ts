import type { Message } from 'rhea';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Secret } from '../../../../scheduler/secrets/secret.ts';
import { performOnce } from '../../../support/action-target.ts';
import { fakeServiceBus } from '../../../support/fake-service-bus.ts';
import { hasRabbitMq, RABBITMQ_NEEDS, startRabbitMq } from '../../../support/rabbitmq.ts';

describe.skipIf(!hasRabbitMq)(`RabbitMQ behind the fake of Service Bus (${RABBITMQ_NEEDS})`, () => {
  it("takes the message that Azure's library makes, and gives it on as it was", async () => {
    const broker = await startRabbitMq();
    onTestFinished(async () => {
      await broker.stop();
    });
    // RabbitMQ knows no $cbs, which the library insists on: the fake answers it, and the broker gets the message.
    const bus = await fakeServiceBus({
      forward: async (address, message) => {
        await broker.send(address, message);
      },
    });
    const outcome = await performOnce(
      {
        type: 'ServiceBusQueue',
        serviceBusQueueMessage: {
          namespace: 'shop',
          transportType: 'amqp',
          queueName: 'orders',
          authentication: { type: 'sharedAccessKey', sasKeyName: 'Send', sasKey: Secret.of('the key') },
          message: 'Grüße',
          brokeredMessageProperties: { label: 'l', correlationId: 'c', forcePersistence: true, timeToLive: '01:00:00' },
          customMessageProperties: { appName: 'FromScheduler' },
        },
      },
      { serviceBusAmqp: bus.url },
    );
    expect(outcome?.status).toBe('completed');
    const received: Message = await broker.receive('orders');
    expect((received.body as { content: Buffer }).content.toString('utf8')).toBe('Grüße');
    expect(received).toMatchObject({
      message_id: 'f'.repeat(32),
      correlation_id: 'c',
      durable: true,
      application_properties: { appName: 'FromScheduler', 'x-ms-scheduler-jobid': 'Nightly' },
    });
  });
});
