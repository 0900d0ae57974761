import { z } from 'zod';
import { FAULT_KINDS } from '../faults.ts';
import { EVENT_SOURCES, EVENT_TYPES } from '../platform/state.ts';

/** A notice or a fault for longer than this is a mistake of units. */
const MAX_SPAN_MS = 30 * 24 * 3_600_000;

export const spanMs = z.int().nonnegative().max(MAX_SPAN_MS);

/** Body of `POST /events`. */
export const scheduleBodySchema = z.strictObject({
  type: z.enum(EVENT_TYPES),
  resources: z.array(z.string().min(1).max(256)).min(1).max(1000),
  /** 0 = no interruption, -1 = unknown; a day is more than any VM is frozen. */
  durationSeconds: z.int().min(-1).max(86_400).optional(),
  description: z.string().max(1000).optional(),
  source: z.enum(EVENT_SOURCES).optional(),
  noticeMs: spanMs.optional(),
  /** Started at once, as if the scope approved user events automatically. */
  started: z.boolean().optional(),
  /** Started at once, because the hardware failed. */
  fault: z.boolean().optional(),
});

/** Body of `POST /faults`. */
export const faultBodySchema = z.strictObject({
  kind: z.enum(FAULT_KINDS),
  vm: z.string().min(1).max(256).optional(),
  forMs: spanMs.optional(),
  latencyMs: spanMs.optional(),
  /** Of `behind` and `clock-skew`; for the latter less than 0 is behind. */
  byMs: z.int().min(-MAX_SPAN_MS).max(MAX_SPAN_MS).optional(),
});
