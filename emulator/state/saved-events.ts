import { z } from 'zod';
import { EVENT_SOURCES, EVENT_TYPES, GONE_AS, type PlatformEvent } from '../platform/state.ts';

const lifeSchema = z.discriminatedUnion('phase', [
  z.object({ phase: z.literal('scheduled') }),
  z.object({ phase: z.literal('approved'), startsAtMs: z.number() }),
  z.object({ phase: z.literal('started'), startedAtMs: z.number(), impactAtMs: z.number() }),
  z.object({ phase: z.literal('impact'), startedAtMs: z.number(), impactStartedAtMs: z.number() }),
  z.object({
    phase: z.literal('lingering'),
    startedAtMs: z.number(),
    impactStartedAtMs: z.number(),
    impactEndedAtMs: z.number(),
    goneAtMs: z.number(),
  }),
]);

export const eventSchema = z
  .object({
    id: z.string(),
    type: z.enum(EVENT_TYPES),
    scope: z.string(),
    resources: z.array(z.string()),
    description: z.string(),
    source: z.enum(EVENT_SOURCES),
    durationSeconds: z.number(),
    scheduledAtMs: z.number(),
    notBeforeMs: z.number().optional(),
    leaves: z.enum(GONE_AS).optional(),
    approvals: z.array(z.object({ by: z.string(), atMs: z.number() })),
    life: lifeSchema,
  })
  .transform(({ leaves, ...event }): PlatformEvent => ({
    ...event,
    notBeforeMs: event.notBeforeMs,
    ...(leaves === undefined ? {} : { leaves }),
  }));

export const scopeSchema = z.object({
  name: z.string(),
  isEnabled: z.boolean(),
  lastAskedMs: z.number().optional(),
  incarnation: z.int().positive(),
  events: z.array(eventSchema),
});

/** A scope as it was at some moment. */
export const heldScopeSchema = scopeSchema.extend({
  kind: z.enum(['cloud-service', 'availability-set', 'scale-set', 'stand-alone']),
});
