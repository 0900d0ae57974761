import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../scheduler/api/api-error.ts';
import { parseJob } from '../../../scheduler/api/parse-job.ts';
import { jobDefinitionSchema } from '../../../scheduler/jobs/definition.ts';
import { secretsIn, withSecrets } from '../../../scheduler/secrets/secret.ts';

const SECRET = 'HUNTER2';

const queueMessage = { storageAccount: 'shop', queueName: 'orders', sasToken: SECRET, message: 'text' };
const serviceBus = {
  namespace: 'shop',
  transportType: 'amqp',
  authentication: { type: 'SharedAccessKey', sasKeyName: 'Send', sasKey: SECRET },
  message: 'text',
  brokeredMessageProperties: {
    contentType: 'a',
    correlationId: 'a',
    forcePersistence: true,
    label: 'a',
    messageId: 'a',
    partitionKey: 'a',
    replyTo: 'a',
    replyToSessionId: 'a',
    scheduledEnqueueTimeUtc: '2027-01-01T00:00:00Z',
    sessionId: 'a',
    timeToLive: 'PT1M',
    to: 'a',
    viaPartitionKey: 'a',
  },
  customMessageProperties: { appName: 'a' },
};
const http = (authentication: object): object => ({
  type: 'http',
  request: { uri: 'https://a.example/', method: 'GET', headers: { A: 'b' }, body: 'c', authentication },
  retryPolicy: { retryType: 'fixed', retryCount: 2, retryInterval: '00:01:00' },
});

const ACTIONS: readonly object[] = [
  http({ type: 'Basic', username: 'u', password: SECRET }),
  http({ type: 'ActiveDirectoryOAuth', tenant: 't', audience: 'https://a', clientId: 'c', secret: SECRET }),
  { type: 'storageQueue', queueMessage, errorAction: http({ type: 'Basic', username: 'u', password: SECRET }) },
  { type: 'serviceBusQueue', serviceBusQueueMessage: { ...serviceBus, queueName: 'q' } },
  {
    type: 'serviceBusTopic',
    serviceBusTopicMessage: { ...serviceBus, topicPath: 't/u' },
    errorAction: { type: 'storageQueue', queueMessage },
  },
];

const VALUES: readonly unknown[] = [
  null,
  undefined,
  0,
  -1,
  1.5,
  true,
  '',
  'x',
  'x'.repeat(9000),
  '\u0000',
  '\n',
  '../..',
  'é',
  '😀',
  [],
  [1],
  {},
  { type: 'x' },
  { a: { b: 1 } },
  '00:00:00',
  'PT99999999H',
  '{}',
  'http',
  'ServiceBusTopic',
  'NotSpecified',
  'http://[::1',
  '__proto__',
];

/** The names on the way to every field of a value. */
function placesIn(value: unknown, place: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [place];
  return [place, ...Object.entries(value).flatMap(([name, inner]) => placesIn(inner, [...place, name]))];
}

function changedAt(value: unknown, [name, ...rest]: readonly string[], to: unknown): unknown {
  if (name === undefined) return to;
  const fields = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  return { ...fields, [name]: changedAt(fields[name], rest, to) };
}

const changed = fc
  .constantFrom(...ACTIONS)
  .chain((action) =>
    fc
      .array(
        fc.tuple(
          fc.constantFrom(...placesIn(action)),
          fc.option(fc.constantFrom('type', 'message', 'queueName', 'extra'), { nil: undefined, freq: 6 }),
          fc.oneof(fc.constantFrom(...VALUES), fc.jsonValue({ maxDepth: 2 })),
        ),
        { maxLength: 3 },
      )
      .map((changes) =>
        changes.reduce<unknown>(
          (body, [place, added, to]) => changedAt(body, added === undefined ? place : [...place, added], to),
          action,
        ),
      ),
  );

describe('an action of any shape', () => {
  it('is either stored and read back as it is, or refused with 400 and a message without the secret', () => {
    let accepted = 0;
    fc.assert(
      fc.property(changed, (action) => {
        try {
          const { definition } = parseJob({ properties: { action } }, 0);
          accepted += 1;
          const text = JSON.stringify(definition);
          expect(text).not.toContain(SECRET);
          const read = jobDefinitionSchema.parse(withSecrets(JSON.parse(text), secretsIn(definition)));
          expect(JSON.parse(JSON.stringify(read))).toEqual(JSON.parse(text));
          expect(new Map(secretsIn(read).map(([place, secret]) => [place, secret.reveal()]))).toEqual(
            new Map(secretsIn(definition).map(([place, secret]) => [place, secret.reveal()])),
          );
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          expect(error.status).toBe(400);
          expect(error.message).toMatch(/^The (field|job)/);
          expect(error.message).not.toContain(SECRET);
        }
      }),
      { numRuns: 2000 },
    );
    expect(accepted).toBeGreaterThan(150);
  });
});
