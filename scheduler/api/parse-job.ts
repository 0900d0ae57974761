import { z } from 'zod';
import { TASK_NAME } from '../../common/protocol/messages.ts';
import { authenticationBodySchema } from '../actions/authentication/body.ts';
import { anyCase } from './any-case.ts';
import { badRequest } from './api-error.ts';
import { secretsIn } from '../secrets/secret.ts';
import { runsBodySchema, toRuns } from './parse-runs.ts';
import { readBody } from './read-body.ts';
import { recurrenceBodySchema, toRecurrence } from './parse-recurrence.ts';
import type { HttpAction, JobDefinition } from '../jobs/definition.ts';
import { formatInstant, parseInstantOrUndefined, type Instant } from '../jobs/instant.ts';
import {
  formatTimeSpan,
  MAX_RETRY_COUNT,
  MAX_RETRY_INTERVAL_MS,
  MIN_RETRY_INTERVAL_MS,
  parseTimeSpanOrUndefined,
} from '../jobs/retry.ts';

/** Limits of the documentation, "Scheduler Limits and Defaults". */
export const MAX_JOB_BYTES = 16 * 1024;
const MAX_URI_CHARACTERS = 2048;
const MAX_HEADERS = 50;
const MAX_HEADER_CHARACTERS = 4096;
const MAX_BODY_CHARACTERS = 8192;
/** 18 months, the longest time to a start. */
const MAX_TIME_TO_START_MS = 548 * 86_400_000;

const instant = z.string().transform((text, context): Instant => {
  const parsed = parseInstantOrUndefined(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: 'custom', message: `expected an ISO 8601 date and time, got '${text}'.` });
  return z.NEVER;
});

const timeSpan = z.string().transform((text, context) => {
  const ms = parseTimeSpanOrUndefined(text);
  if (ms !== undefined && ms >= MIN_RETRY_INTERVAL_MS && ms <= MAX_RETRY_INTERVAL_MS) return ms;
  context.addIssue({
    code: 'custom',
    message: `expected a duration from 15 seconds to 18 months, like 00:01:00 or PT1M, got '${text}'.`,
  });
  return z.NEVER;
});

/** Present in the published definition, and refused until they do something. */
const notSupported = (what: string) =>
  z
    .unknown()
    .refine((value) => value === null || value === undefined, { error: `${what} is not supported by this version.` })
    .optional();

const requestSchema = z.strictObject({
  uri: z.string().max(MAX_URI_CHARACTERS).refine(isHttpUri, { error: 'expected an absolute http or https address.' }),
  method: z.string().regex(/^[A-Za-z]{1,20}$/, { error: 'expected an HTTP method.' }),
  body: z.string().max(MAX_BODY_CHARACTERS).nullish(),
  headers: z.record(z.string(), z.string()).refine(areHeadersValid, { error: describeHeaderLimits() }).nullish(),
  authentication: authenticationBodySchema.nullish(),
});

const retryPolicySchema = z.strictObject({
  retryType: anyCase(['none', 'fixed']),
  retryInterval: timeSpan.nullish(),
  retryCount: z.int().min(1).max(MAX_RETRY_COUNT).nullish(),
});

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

const actionSchema = z.strictObject({
  type: anyCase(['Http', 'Https', 'Fleet', 'StorageQueue', 'ServiceBusQueue', 'ServiceBusTopic']),
  request: requestSchema.nullish(),
  fleet: fleetSchema.nullish(),
  retryPolicy: retryPolicySchema.nullish(),
  errorAction: z
    .strictObject({
      type: anyCase(['Http', 'Https']),
      request: requestSchema,
      retryPolicy: retryPolicySchema.nullish(),
    })
    .nullish(),
  queueMessage: notSupported('A storage queue message'),
  serviceBusQueueMessage: notSupported('A Service Bus message'),
  serviceBusTopicMessage: notSupported('A Service Bus message'),
});

const jobBodySchema = z.strictObject({
  // What the service itself gives; clients send back what they read.
  id: z.unknown().optional(),
  type: z.unknown().optional(),
  name: z.unknown().optional(),
  properties: z.strictObject({
    startTime: instant.nullish(),
    action: actionSchema,
    recurrence: recurrenceBodySchema.nullish(),
    runs: runsBodySchema.nullish(),
    state: anyCase(['Enabled', 'Disabled', 'Completed', 'Faulted']).nullish(),
    status: z.unknown().optional(),
  }),
});

/** The size of a job in bytes of JSON; secrets, which are left out of JSON elsewhere, count. */
function jobBytes(body: unknown): number {
  const secrets = secretsIn(body).reduce((sum, [, secret]) => sum + secret.reveal().length, 0);
  return Buffer.byteLength(JSON.stringify(body ?? null)) + secrets;
}

/** What a request says about a job. */
export interface WantedJob {
  readonly definition: JobDefinition;
  /** Undefined when the request leaves it open. */
  readonly state: 'enabled' | 'disabled' | undefined;
}

/**
 * Checks the body of a PUT (or of a PATCH after it was merged) and brings it into the service's own form. Throws an `ApiError`
 * (400) that names the field and the rule.
 */
export function parseJob(body: unknown, now: number): WantedJob {
  if (jobBytes(body) > MAX_JOB_BYTES) {
    throw badRequest(`The job is larger than ${MAX_JOB_BYTES} bytes.`);
  }
  const { properties } = readBody(jobBodySchema, body);
  if (properties.startTime !== null && properties.startTime !== undefined) {
    if (properties.startTime.ms > now + MAX_TIME_TO_START_MS) {
      throw badRequest("The field 'properties.startTime' is not valid: a job must start within 18 months.");
    }
  }
  return {
    definition: {
      ...(properties.startTime ? { startTime: formatInstant(properties.startTime) } : {}),
      action: toAction(properties.action),
      ...(properties.recurrence ? { recurrence: toRecurrence(properties.recurrence, now) } : {}),
      ...(properties.runs ? { runs: toRuns(properties.runs) } : {}),
    },
    state: toState(properties.state ?? undefined),
  };
}

type WantedAction = z.output<typeof actionSchema>;

function toAction(action: WantedAction): JobDefinition['action'] {
  switch (action.type) {
    case 'Fleet':
      if (!action.fleet) throw badRequest("The field 'properties.action.fleet' is required by the action type Fleet.");
      if (action.request)
        throw badRequest("The field 'properties.action.request' has no meaning for the action type Fleet.");
      if (action.retryPolicy) {
        throw badRequest(
          "The field 'properties.action.retryPolicy' is not valid: a rollout that failed is never repeated by itself.",
        );
      }
      return { type: 'Fleet', fleet: action.fleet };
    case 'Http':
    case 'Https':
      return {
        ...toHttpAction(action.type, action, 'properties.action'),
        ...(action.errorAction
          ? { errorAction: toHttpAction(action.errorAction.type, action.errorAction, 'properties.action.errorAction') }
          : {}),
      };
    case 'StorageQueue':
    case 'ServiceBusQueue':
    case 'ServiceBusTopic':
      throw badRequest(`The action type '${action.type}' is not supported by this version; Http, Https and Fleet are.`);
    default:
      return action.type satisfies never;
  }
}

function toHttpAction(
  type: 'Http' | 'Https',
  action: Pick<WantedAction, 'request' | 'retryPolicy'>,
  field: string,
): NonNullable<HttpAction['errorAction']> {
  const { request, retryPolicy } = action;
  if (!request) throw badRequest(`The field '${field}.request' is required by the action type ${type}.`);
  if (type === 'Https' && !/^https:/i.test(request.uri)) {
    throw badRequest(`The field '${field}.request.uri' is not valid: the action type Https wants an https address.`);
  }
  return {
    type,
    request: {
      uri: request.uri,
      method: request.method,
      ...(request.body === null || request.body === undefined ? {} : { body: request.body }),
      ...(request.headers ? { headers: request.headers } : {}),
      ...(request.authentication ? { authentication: request.authentication } : {}),
    },
    ...(retryPolicy
      ? {
          retryPolicy: {
            retryType: retryPolicy.retryType,
            ...(retryPolicy.retryInterval ? { retryInterval: formatTimeSpan(retryPolicy.retryInterval) } : {}),
            ...(retryPolicy.retryCount ? { retryCount: retryPolicy.retryCount } : {}),
          },
        }
      : {}),
  };
}

function toState(state: string | undefined): 'enabled' | 'disabled' | undefined {
  if (state === undefined) return undefined;
  if (state === 'Enabled') return 'enabled';
  if (state === 'Disabled') return 'disabled';
  throw badRequest(`The field 'properties.state' is not valid: only Enabled and Disabled can be set, got ${state}.`);
}

function isHttpUri(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

function areHeadersValid(headers: Readonly<Record<string, string>>): boolean {
  const entries = Object.entries(headers);
  const length = entries.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  return (
    entries.length <= MAX_HEADERS &&
    length <= MAX_HEADER_CHARACTERS &&
    entries.every(([name, value]) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && !/[\r\n\0]/.test(value))
  );
}

function describeHeaderLimits(): string {
  return `expected at most ${MAX_HEADERS} headers with ${MAX_HEADER_CHARACTERS} characters in all, and no line breaks in them.`;
}
