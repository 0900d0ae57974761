import { z } from 'zod';

/** One thing that happened, as the emulator (the cloud), an agent or the scheduler told it. */
export interface Entry {
  readonly source: 'cloud' | 'agent' | 'scheduler';
  readonly atMs: number;
  /** Stable word of its source, `event.approved`, `drain.proven`. */
  readonly kind: string;
  readonly vm: string | undefined;
  readonly eventId: string | undefined;
  readonly detail: string;
}

const timeSchema = z.union([z.number(), z.iso.datetime().transform((text) => Date.parse(text))]);
const optionalText = z
  .string()
  .nullish()
  .transform((text) => (text === null || text === '' ? undefined : text));

/** What both programs send to whoever watches them. Keys this demonstration does not show are let pass. */
const watchSchema = z.object({
  at: timeSchema,
  kind: z.string(),
  source: z.enum(['agent', 'scheduler']).optional(),
  vm: optionalText,
  eventId: optionalText,
  detail: z
    .string()
    .nullish()
    .transform((text) => text ?? ''),
});

/** A message of a watch stream, or undefined when it is none. */
export function parseEntryOrUndefined(text: string, stream: 'cloud' | 'scheduler'): Entry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const message = watchSchema.safeParse(value);
  if (!message.success) return undefined;
  const { at, kind, source, vm, eventId, detail } = message.data;
  return { source: stream === 'cloud' ? 'cloud' : (source ?? 'scheduler'), atMs: at, kind, vm, eventId, detail };
}
