import { z } from 'zod';
import { TASK_NAME } from '../../common/protocol/messages.ts';
import { authenticationBodySchema } from '../actions/authentication/body.ts';
import { serviceBusQueueBodySchema, serviceBusTopicBodySchema } from '../actions/service-bus/body.ts';
import { queueMessageBodySchema } from '../actions/storage-queue/body.ts';
import type { JobAction, JobErrorAction, RetryPolicy } from '../jobs/definition.ts';
import {
  formatTimeSpan,
  MAX_RETRY_COUNT,
  MAX_RETRY_INTERVAL_MS,
  MIN_RETRY_INTERVAL_MS,
  parseTimeSpanOrUndefined,
} from '../jobs/retry.ts';
import { anyCase } from './any-case.ts';
import { badRequest } from './api-error.ts';

/** Limits of the documentation, "Scheduler Limits and Defaults". */
const MAX_URI_CHARACTERS = 2048;
const MAX_HEADERS = 50;
const MAX_HEADER_CHARACTERS = 4096;
const MAX_BODY_CHARACTERS = 8192;

const timeSpan = z.string().transform((text, context) => {
  const ms = parseTimeSpanOrUndefined(text);
  if (ms !== undefined && ms >= MIN_RETRY_INTERVAL_MS && ms <= MAX_RETRY_INTERVAL_MS) return ms;
  context.addIssue({
    code: 'custom',
    message: `expected a duration from 15 seconds to 18 months, like 00:01:00 or PT1M, got '${text}'.`,
  });
  return z.NEVER;
});

const requestSchema = z.strictObject({
  uri: z.string().max(MAX_URI_CHARACTERS).refine(isHttpUri, {
    error: 'expected an absolute http or https address, without a user and password in it.',
  }),
  // CONNECT asks for a tunnel, which is no request.
  method: z
    .string()
    .regex(/^(?!connect$)[A-Za-z][A-Za-z-]{0,29}$/i, { error: 'expected an HTTP method, other than CONNECT.' }),
  body: z.string().max(MAX_BODY_CHARACTERS).nullish(),
  headers: z
    .record(z.string(), z.string())
    .superRefine((headers, context) => {
      const problem = problemOfHeaders(headers);
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
    })
    .nullish(),
  authentication: authenticationBodySchema.nullish(),
});

const retryPolicySchema = z
  .strictObject({
    retryType: anyCase(['none', 'fixed']),
    retryInterval: timeSpan.nullish(),
    retryCount: z.int().min(1).max(MAX_RETRY_COUNT).nullish(),
  })
  .transform(({ retryType, retryInterval, retryCount }): RetryPolicy => ({
    retryType,
    ...(retryInterval ? { retryInterval: formatTimeSpan(retryInterval) } : {}),
    ...(retryCount ? { retryCount } : {}),
  }));

const fleetSchema = z.strictObject({
  selector: z
    .strictObject({
      role: z.string().min(1).max(256).optional(),
      scope: z.string().min(1).max(256).optional(),
      names: z.array(z.string().min(1).max(256)).min(1).max(1000).optional(),
    })
    .refine((selector) => Object.values(selector).some((value) => value !== undefined), {
      error: 'expected at least one of role, scope and names; an empty selector would take the whole fleet.',
    }),
  task: z.string().regex(TASK_NAME, { error: 'expected the name of a task: lower-case letters, digits and dashes.' }),
  parameters: z.record(z.string(), z.json()).default({}),
  timeoutSeconds: z.int().min(1).max(86_400).default(600),
  settleSeconds: z.int().min(0).max(3600).default(0),
  maxUnavailable: z.int().min(1).max(1000).default(1),
});

/** Which field each type of action has its particulars in. */
const FIELDS = {
  Http: 'request',
  Https: 'request',
  StorageQueue: 'queueMessage',
  ServiceBusQueue: 'serviceBusQueueMessage',
  ServiceBusTopic: 'serviceBusTopicMessage',
  Fleet: 'fleet',
} as const;

const outgoing = {
  request: requestSchema.nullish(),
  queueMessage: queueMessageBodySchema.nullish(),
  serviceBusQueueMessage: serviceBusQueueBodySchema.nullish(),
  serviceBusTopicMessage: serviceBusTopicBodySchema.nullish(),
  retryPolicy: retryPolicySchema.nullish(),
};

const errorActionSchema = z.strictObject({
  type: anyCase(['Http', 'Https', 'StorageQueue', 'ServiceBusQueue', 'ServiceBusTopic']),
  ...outgoing,
});

/** `action` in a request: what `toAction` takes. */
export const actionBodySchema = z.strictObject({
  type: anyCase(['Http', 'Https', 'Fleet', 'StorageQueue', 'ServiceBusQueue', 'ServiceBusTopic']),
  ...outgoing,
  fleet: fleetSchema.nullish(),
  errorAction: errorActionSchema.nullish(),
});

type WantedAction = z.output<typeof actionBodySchema>;
type WantedErrorAction = z.output<typeof errorActionSchema>;

/** An action in its stored form. Throws an `ApiError` (400) that names the field and the rule. */
export function toAction(action: WantedAction): JobAction {
  const field = 'properties.action';
  if (action.type === 'Fleet') {
    const fleet = theField(action, 'fleet', field);
    if (action.retryPolicy) {
      throw badRequest(
        `The field '${field}.retryPolicy' is not valid: a rollout that failed is never repeated by itself.`,
      );
    }
    if (action.errorAction) {
      throw badRequest(`The field '${field}.errorAction' has no meaning for the action type Fleet.`);
    }
    return { type: 'Fleet', fleet };
  }
  const main = toOutgoing({ ...action, type: action.type }, field);
  return action.errorAction ? { ...main, errorAction: toOutgoing(action.errorAction, `${field}.errorAction`) } : main;
}

function toOutgoing(action: WantedErrorAction, field: string): JobErrorAction {
  const retryPolicy = action.retryPolicy ? { retryPolicy: action.retryPolicy } : {};
  switch (action.type) {
    case 'Http':
    case 'Https': {
      const { body, headers, authentication, ...request } = theField(action, 'request', field);
      if (action.type === 'Https' && !/^https:/i.test(request.uri)) {
        throw badRequest(
          `The field '${field}.request.uri' is not valid: the action type Https wants an https address.`,
        );
      }
      const stated = Object.entries(headers ?? {}).find(([name]) => name.toLowerCase() === 'content-length');
      if (stated !== undefined && stated[1] !== `${Buffer.byteLength(body ?? '')}`) {
        throw badRequest(
          `The field '${field}.request.headers' is not valid: Content-Length says ${stated[1]}, the body has ${Buffer.byteLength(body ?? '')} bytes; leave it out.`,
        );
      }
      return {
        type: action.type,
        request: {
          ...request,
          ...(body === null || body === undefined ? {} : { body }),
          ...(headers ? { headers } : {}),
          ...(authentication ? { authentication } : {}),
        },
        ...retryPolicy,
      };
    }
    case 'StorageQueue':
      return { type: action.type, queueMessage: theField(action, 'queueMessage', field), ...retryPolicy };
    case 'ServiceBusQueue': {
      const serviceBusQueueMessage = theField(action, 'serviceBusQueueMessage', field);
      return { type: action.type, serviceBusQueueMessage, ...retryPolicy };
    }
    case 'ServiceBusTopic': {
      const serviceBusTopicMessage = theField(action, 'serviceBusTopicMessage', field);
      return { type: action.type, serviceBusTopicMessage, ...retryPolicy };
    }
    default:
      return action.type satisfies never;
  }
}

/** What the action's type wants; that it is there, and nothing of another type. */
function theField<Action extends { readonly type: keyof typeof FIELDS }, Field extends keyof Action & string>(
  action: Action,
  wanted: Field,
  field: string,
): NonNullable<Action[Field]> {
  const given = new Map<string, unknown>(Object.entries(action));
  for (const other of new Set(Object.values(FIELDS))) {
    if (other === wanted || given.get(other) === null || given.get(other) === undefined) continue;
    throw badRequest(`The field '${field}.${other}' has no meaning for the action type ${action.type}.`);
  }
  const found = action[wanted];
  if (found !== null && found !== undefined) return found;
  throw badRequest(`The field '${field}.${wanted}' is required by the action type ${action.type}.`);
}

/** A user and password in the address would be shown with it; `authentication` keeps them. */
function isHttpUri(text: string): boolean {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}

/** A token (RFC 9110, 5.6.2), and what of a value can be sent: visible characters, spaces and tabs of Latin-1. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const NOT_IN_A_HEADER = /[^\t\x20-\x7e\x80-\xff]/;

/** Headers of the connection, which is the scheduler's own: a request with one of them could not be sent. */
const HEADERS_OF_CONNECTION = /^(connection|expect|keep-alive|proxy-connection|transfer-encoding|upgrade)$/i;

/** Why headers cannot be sent, or are more than the documentation allows; what a value holds is not repeated. */
function problemOfHeaders(headers: Readonly<Record<string, string>>): string | undefined {
  const entries = Object.entries(headers);
  const length = entries.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (entries.length > MAX_HEADERS) return `expected at most ${MAX_HEADERS} headers, got ${entries.length}.`;
  if (length > MAX_HEADER_CHARACTERS) {
    return `expected at most ${MAX_HEADER_CHARACTERS} characters in all headers, got ${length}.`;
  }
  for (const [name, value] of entries) {
    if (!HEADER_NAME.test(name)) return `expected a name of a header, got ${JSON.stringify(name)}.`;
    if (HEADERS_OF_CONNECTION.test(name)) return `expected no header of the connection, got '${name}'.`;
    const [character] = NOT_IN_A_HEADER.exec(value) ?? [];
    if (character !== undefined) {
      return `expected no line breaks and no characters beyond Latin-1 in '${name}', got ${JSON.stringify(character)}.`;
    }
  }
  return undefined;
}
