import { z } from 'zod';

/** What is told of an event besides the word for what happened: as it was read then. */
const subjectSchema = z.object({
  eventType: z.string(),
  resources: z.array(z.string()),
  source: z.string(),
  description: z.string(),
  durationSeconds: z.number(),
  notBeforeMs: z.number().nullable(),
});

const entrySchema = z.object({
  /** Epoch milliseconds. */
  atMs: z.number(),
  /** An activity (`event.seen`, `drain.proven`, …), `agent.started`, or `hook.PHASE`. */
  kind: z.string(),
  eventId: z.string().optional(),
  detail: z.string(),
  subject: subjectSchema.optional(),
});

/** One thing that happened on this VM, as it is kept. */
export type HistoryEntry = z.output<typeof entrySchema>;

/** Longest detail that is kept: an event is to be told in a few lines. */
const MAX_DETAIL = 500;

export function formatHistoryEntry(entry: HistoryEntry): string {
  return `${JSON.stringify({ ...entry, detail: entry.detail.slice(0, MAX_DETAIL) })}\n`;
}

/** The entries of a file, oldest first; lines that were cut off or changed are passed over. */
export function parseHistory(text: string): readonly HistoryEntry[] {
  return text.split('\n').flatMap((line) => {
    if (line === '') return [];
    try {
      const parsed = entrySchema.safeParse(JSON.parse(line));
      return parsed.success ? [parsed.data] : [];
    } catch {
      return [];
    }
  });
}
