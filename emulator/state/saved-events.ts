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
    zones: z.array(z.string()).optional(),
    description: z.string(),
    source: z.enum(EVENT_SOURCES),
    durationSeconds: z.number(),
    scheduledAtMs: z.number(),
    notBeforeMs: z.number().optional(),
    leaves: z.enum(GONE_AS).optional(),
    approvals: z.array(z.object({ by: z.string(), atMs: z.number() })),
    life: lifeSchema,
  })
  .transform(({ leaves, zones, ...event }): PlatformEvent => ({
    ...event,
    ...(zones === undefined ? {} : { zones }),
    notBeforeMs: event.notBeforeMs,
    ...(leaves === undefined ? {} : { leaves }),
  }));

export const scopeSchema = z.object({
  name: z.string(),
  isEnabled: z.boolean(),
  lastAskedMs: z.number().optional(),
  /** When each was last asked for. */
  zones: z.record(z.string(), z.number()).optional(),
  incarnation: z.int().positive(),
  events: z.array(eventSchema),
});

/** A scope as it was at some moment. */
export const heldScopeSchema = scopeSchema
  .extend({ kind: z.enum(['cloud-service', 'availability-set', 'scale-set', 'stand-alone']) })
  .transform(({ zones, ...scope }) => ({ ...scope, ...(zones === undefined ? {} : { zones }) }));
