import { z } from 'zod';
import { anyCase } from './any-case.ts';
import { badRequest } from './api-error.ts';
import { secretsIn } from '../secrets/secret.ts';
import { actionBodySchema, toAction } from './parse-action.ts';
import { runsBodySchema, toRuns } from './parse-runs.ts';
import { readBody } from './read-body.ts';
import { recurrenceBodySchema, toRecurrence } from './parse-recurrence.ts';
import type { JobDefinition } from '../jobs/definition.ts';
import { formatInstant, parseInstantOrUndefined, type Instant } from '../jobs/instant.ts';

/** Limits of the documentation, "Scheduler Limits and Defaults". */
export const MAX_JOB_BYTES = 16 * 1024;
/** 18 months, the longest time to a start. */
const MAX_TIME_TO_START_MS = 548 * 86_400_000;

const instant = z.string().transform((text, context): Instant => {
  const parsed = parseInstantOrUndefined(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: 'custom', message: `expected an ISO 8601 date and time, got '${text}'.` });
  return z.NEVER;
});

const jobBodySchema = z.strictObject({
  // What the service itself gives; clients send back what they read.
  id: z.unknown().optional(),
  type: z.unknown().optional(),
  name: z.unknown().optional(),
  properties: z.strictObject({
    startTime: instant.nullish(),
    action: actionBodySchema,
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
      throw badRequest(
        `The field 'properties.startTime' is not valid: a job must start within 18 months, got '${formatInstant(properties.startTime)}'.`,
      );
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

function toState(state: string | undefined): 'enabled' | 'disabled' | undefined {
  if (state === undefined) return undefined;
  if (state === 'Enabled') return 'enabled';
  if (state === 'Disabled') return 'disabled';
  throw badRequest(`The field 'properties.state' is not valid: only Enabled and Disabled can be set, got ${state}.`);
}
