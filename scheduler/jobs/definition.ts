import { z } from 'zod';
import { TASK_NAME } from '../../common/protocol/messages.ts';
import { outgoingActionSchemas } from '../actions/definition.ts';
import { runChoicesSchema } from './run-choices.ts';
import { recurrenceDefinitionSchema } from './recurrence-definition.ts';

/**
 * A job as it is stored and shown: what its owner wrote, with the service's own spelling and defaults. `parse-job.ts` makes
 * it from a request; nothing else does.
 */
export const jobDefinitionSchema = z.strictObject({
  /** Beyond the real service: what to do when it cannot run in order and on time. */
  runs: runChoicesSchema.optional(),
  /** ISO 8601 in UTC with up to seven digits of a second, as it is shown. */
  startTime: z.string().optional(),
  recurrence: recurrenceDefinitionSchema.optional(),
  action: z.discriminatedUnion('type', [
    ...outgoingActionSchemas,
    z.strictObject({
      type: z.literal('Fleet'),
      fleet: z.strictObject({
        selector: z.strictObject({
          role: z.string().min(1).max(256).optional(),
          scope: z.string().min(1).max(256).optional(),
          names: z.array(z.string().min(1).max(256)).min(1).max(1000).optional(),
        }),
        task: z.string().regex(TASK_NAME),
        parameters: z.record(z.string(), z.json()),
        timeoutSeconds: z.int().min(1).max(86_400),
        settleSeconds: z.int().min(0).max(3600),
        maxUnavailable: z.int().min(1).max(1000),
      }),
    }),
  ]),
});

export type JobDefinition = z.output<typeof jobDefinitionSchema>;
export type JobAction = JobDefinition['action'];
export type HttpAction = Extract<JobAction, { readonly request: unknown }>;
/** What is performed once an action has failed for good. */
export type JobErrorAction = NonNullable<HttpAction['errorAction']>;
export type RetryPolicy = NonNullable<HttpAction['retryPolicy']>;
export type FleetAction = Extract<JobAction, { readonly fleet: unknown }>;
export type FleetSelector = FleetAction['fleet']['selector'];

export const JOB_STATES = ['enabled', 'disabled', 'completed', 'faulted'] as const;
export type JobState = (typeof JOB_STATES)[number];
