import { z } from 'zod';
import { anyCase } from '../../api/any-case.ts';
import { formatInstant, parseInstantOrUndefined } from '../../jobs/instant.ts';
import { formatTimeSpan, parseTimeSpanOrUndefined } from '../../jobs/retry.ts';
import { secretText } from '../../secrets/secret.ts';
import { MAX_MESSAGE_CHARACTERS } from '../message-limits.ts';

/** Service Bus quotas: ids of 128 characters, paths of 260, and 64 KB for all properties, of which a job is a quarter. */
const MAX_ID_CHARACTERS = 128;
const MAX_PATH_CHARACTERS = 260;
const MAX_CUSTOM_PROPERTIES = 50;
/** The policy's name and key, as Azure makes them. */
const MAX_KEY_CHARACTERS = 256;

/** HTTP headers that a custom property would replace when it travels as one. */
const TAKEN =
  /^(authorization|brokerproperties|connection|content-.*|date|expect|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|via)$/i;

const text = z.string().max(MAX_ID_CHARACTERS).nullish();

const brokeredProperties = z.strictObject({
  contentType: text,
  correlationId: text,
  forcePersistence: z.boolean().nullish(),
  label: text,
  messageId: text,
  partitionKey: text,
  replyTo: text,
  replyToSessionId: text,
  scheduledEnqueueTimeUtc: z
    .string()
    .transform((given, context) => {
      const parsed = parseInstantOrUndefined(given);
      if (parsed !== undefined) return formatInstant(parsed);
      context.addIssue({ code: 'custom', message: `expected an ISO 8601 date and time, got '${given}'.` });
      return z.NEVER;
    })
    .nullish(),
  sessionId: text,
  timeToLive: z
    .string()
    .transform((given, context) => {
      const ms = parseTimeSpanOrUndefined(given);
      if (ms !== undefined && ms > 0) return formatTimeSpan(ms);
      context.addIssue({ code: 'custom', message: `expected a duration like 00:01:00 or PT1M, got '${given}'.` });
      return z.NEVER;
    })
    .nullish(),
  to: text,
  viaPartitionKey: text,
});

const customProperties = z
  .record(z.string(), z.string())
  .refine(
    (properties) =>
      Object.keys(properties).length <= MAX_CUSTOM_PROPERTIES &&
      Object.keys(properties).every((name) => /^[A-Za-z0-9_.-]{1,128}$/.test(name) && !TAKEN.test(name)),
    {
      error: `expected at most ${MAX_CUSTOM_PROPERTIES} properties whose names are letters, digits, dots, dashes and underscores, and none that HTTP has for itself.`,
    },
  );

/** It becomes a path of segments. */
const entityPath = z
  .string()
  .max(MAX_PATH_CHARACTERS)
  .regex(/^[A-Za-z0-9_](?:[A-Za-z0-9._/-]*[A-Za-z0-9_])?$/, {
    error: 'expected a path of letters, digits, dots, dashes, underscores and slashes.',
  })
  .refine((path) => !/\/\/|(^|\/)\.+(\/|$)/.test(path), { error: 'expected a path without empty or dotted parts.' });

const message = z.strictObject({
  namespace: z.string().regex(/^[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/, {
    error: 'expected the name of a namespace, without its domain.',
  }),
  transportType: anyCase(['NotSpecified', 'netMessaging', 'amqp'])
    .transform((type) => (type === 'amqp' ? type : 'netMessaging'))
    .nullish(),
  authentication: z.strictObject({
    type: anyCase(['sharedAccessKey']).nullish(),
    sasKeyName: z
      .string()
      .max(MAX_KEY_CHARACTERS)
      .regex(/^[\x21-\x7e]+$/, { error: 'expected the name of a shared access policy.' }),
    sasKey: secretText(MAX_KEY_CHARACTERS),
  }),
  message: z.string().max(MAX_MESSAGE_CHARACTERS),
  brokeredMessageProperties: brokeredProperties.nullish(),
  customMessageProperties: customProperties.nullish(),
});

type WantedMessage = z.output<typeof message>;

/** Into the stored form: defaults filled in, what is null left out. */
const stored = <Wanted extends WantedMessage>(wanted: Wanted) => {
  const { brokeredMessageProperties, customMessageProperties, authentication, transportType, ...rest } = wanted;
  return {
    ...rest,
    transportType: transportType ?? ('netMessaging' as const),
    authentication: { ...authentication, type: 'sharedAccessKey' as const },
    ...(brokeredMessageProperties ? { brokeredMessageProperties: withoutNulls(brokeredMessageProperties) } : {}),
    ...(customMessageProperties ? { customMessageProperties } : {}),
  };
};

/** `serviceBusQueueMessage` and `serviceBusTopicMessage` in a request. */
export const serviceBusQueueBodySchema = message.extend({ queueName: entityPath }).transform(stored);
export const serviceBusTopicBodySchema = message.extend({ topicPath: entityPath }).transform(stored);

type Present<Value> = { [Name in keyof Value]?: Exclude<Value[Name], null | undefined> };

function withoutNulls<Value extends object>(value: Value): Present<Value> {
  const present: Present<Value> = {};
  for (const name in value) {
    const field = value[name];
    if (isPresent(field)) present[name] = field;
  }
  return present;
}

function isPresent<Field>(field: Field): field is Exclude<Field, null | undefined> {
  return field !== null && field !== undefined;
}
