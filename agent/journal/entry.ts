import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { HOOK_PHASES } from '../core/hook-phase.ts';
import type { DurableState } from '../core/state.ts';

const hooks = z.array(z.enum(HOOK_PHASES));

const promiseSchema = z
  .object({
    eventId: z.string(),
    eventType: z.string(),
    resources: z.array(z.string()),
    hash: z.string(),
    promise: z.enum(['none', 'binding', 'prepared', 'consented', 'withdrawn', 'released']),
    number: z.int().nonnegative(),
    localIntent: z.boolean(),
    posted: z.boolean(),
    approved: z.boolean(),
    started: z.boolean(),
    notBeforeMs: z.number().optional(),
    description: z.string(),
    source: z.string(),
    durationSeconds: z.number(),
    // Absent in journals of older agents: then whatever was promised may be rested on.
    offered: z.boolean().default(true),
    deadlineReached: z.boolean().default(false),
    resumed: z.boolean().default(false),
    seenAtMs: z.number().default(0),
    hooks,
  })
  .transform((promise) => ({ ...promise, notBeforeMs: promise.notBeforeMs }));

const durableSchema = z
  .object({
    isPartial: z.boolean().optional(),
    number: z.int().nonnegative(),
    incarnation: z.int().nonnegative().optional(),
    events: z.array(promiseSchema),
    maintenance: z.array(
      z.object({
        workId: z.string(),
        attempt: z.int(),
        reason: z.string(),
        untilWallMs: z.number(),
        // Absent in journals of older agents; a day is longer than any maintenance.
        lengthMs: z.number().default(86_400_000),
        isReleased: z.boolean(),
        hooks,
      }),
    ),
  })
  .transform((durable): DurableState => ({ ...durable, incarnation: durable.incarnation }));

/** One line: the CRC-32 of the JSON in eight hexadecimal digits, a space, the JSON, a newline. */
export function formatEntry(durable: DurableState): string {
  const json = JSON.stringify(durable);
  return `${checksum(json)} ${json}\n`;
}

/** The last line of `text` that is whole and means something to us; undefined when there is none. */
export function newestEntry(text: string): DurableState | undefined {
  // What follows the last newline was being written when the machine stopped.
  const lines = text.split('\n').slice(0, -1);
  for (const line of lines.toReversed()) {
    const json = line.slice(9);
    if (line.slice(0, 9) !== `${checksum(json)} `) continue;
    const parsed = durableSchema.safeParse(JSON.parse(json));
    if (parsed.success) return parsed.data;
  }
  return undefined;
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
