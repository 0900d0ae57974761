import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { OutgoingAction } from '../../../../scheduler/actions/actions.ts';
import { sharedAccessSignature } from '../../../../scheduler/actions/service-bus/net-messaging.ts';
import { Secret } from '../../../../scheduler/secrets/secret.ts';
import { actionTarget, performOnce } from '../../../support/action-target.ts';

const action: OutgoingAction = {
  type: 'ServiceBusTopic',
  serviceBusTopicMessage: {
    topicPath: 'news/today',
    namespace: 'shop',
    transportType: 'netMessaging',
    authentication: { type: 'sharedAccessKey', sasKeyName: 'Send', sasKey: Secret.of('the key') },
    message: 'Grüße',
    brokeredMessageProperties: {
      label: 'Ä',
      sessionId: 's',
      timeToLive: '00:01:30',
      scheduledEnqueueTimeUtc: '2027-01-01T00:00:00Z',
      contentType: 'text/html',
    },
    customMessageProperties: { appName: 'From "Scheduler" ü' },
  },
};

describe('a Service Bus message by netMessaging', () => {
  it('goes to the REST endpoint with its properties and a token', async () => {
    const { url, seen } = await actionTarget((_request, response) => response.writeHead(201).end());
    const outcome = await performOnce(action, { serviceBusRest: url });
    expect(outcome).toEqual({
      status: 'completed',
      message: "ServiceBusTopic Action - Message to topic 'news/today' of namespace 'shop' succeeded: created",
    });
    expect(seen[0]).toMatchObject({
      method: 'POST',
      url: '/news/today/messages?timeout=60',
      body: 'Grüße',
      headers: {
        'content-type': 'text/html',
        appname: String.raw`"From \"Scheduler\" \u00fc"`,
        'x-ms-execution-tag': `"${'f'.repeat(32)}"`,
      },
    });
    expect(JSON.parse(seen[0]?.headers['brokerproperties'] as string)).toEqual({
      MessageId: 'f'.repeat(32),
      SessionId: 's',
      Label: 'Ä',
      TimeToLive: 90,
      ScheduledEnqueueTimeUtc: 'Fri, 01 Jan 2027 00:00:00 GMT',
    });
    const [, resource, signature, expiry, name] =
      /^SharedAccessSignature sr=([^&]+)&sig=([^&]+)&se=(\d+)&skn=(.+)$/.exec(seen[0]?.headers.authorization ?? '') ??
      [];
    expect([decodeURIComponent(resource ?? ''), name]).toEqual([`${url}/news/today`, 'Send']);
    const expected = createHmac('sha256', 'the key').update(`${resource}\n${expiry}`).digest('base64');
    expect(decodeURIComponent(signature ?? '')).toBe(expected);
  });

  it("fails with the broker's own words, without the key", async () => {
    const { url } = await actionTarget((_request, response) =>
      response
        .writeHead(401)
        .end('<Error><Code>401</Code><Detail>InvalidSignature: The token is bad.</Detail></Error>'),
    );
    const outcome = await performOnce(action, { serviceBusRest: url });
    expect(outcome).toEqual({
      status: 'failed',
      message:
        "ServiceBusTopic Action - Message to topic 'news/today' of namespace 'shop' failed: the service answered 401, InvalidSignature: The token is bad.",
    });
  });

  it('is held to the address guard', async () => {
    const { url, seen } = await actionTarget((_request, response) => response.end());
    const outcome = await performOnce(action, { serviceBusRest: url }, { allowPrivate: false });
    expect(outcome?.message).toMatch(/failed: AddressRefused 127\.0\.0\.1 is this machine itself/);
    expect(seen).toEqual([]);
  });

  it('has a token that is signed as the documentation says', () => {
    expect(sharedAccessSignature('https://Shop.servicebus.windows.net/Q', { keyName: 'k n', key: 'key' }, 0)).toMatch(
      /^SharedAccessSignature sr=https%3a%2f%2fshop\.servicebus\.windows\.net%2fq&sig=.+&se=1200&skn=k%20n$/i,
    );
  });
});
