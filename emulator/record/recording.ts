import { z } from 'zod';

/**
 * What a metadata endpoint answered over time. A file of JSON lines: a heading, and then an entry wherever the answer became
 * another one; what was the same a hundred times is written once. The file grows line by line, so a recording that is broken
 * off is a recording.
 */
export interface Recording {
  readonly heading: Heading;
  /** In the order of time; the first is at 0 or shortly after. */
  readonly entries: readonly RecordedAnswer[];
}

export interface Heading {
  readonly format: typeof FORMAT;
  /** What was asked. */
  readonly from: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly intervalMs: number;
}

/** The endpoint's answer from `atMs` (since the beginning) until the next entry; `error` instead when there was none. */
export interface RecordedAnswer {
  readonly atMs: number;
  readonly status?: number | undefined;
  /** In lower case, without those that concern only one connection. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
  /** Why there was no answer, in words. */
  readonly error?: string | undefined;
}

export const FORMAT = 'forewarn-recording-1';

const headingSchema = z.object({
  format: z.literal(FORMAT),
  from: z.string(),
  startedAt: z.string(),
  intervalMs: z.number(),
});

const entrySchema = z
  .object({
    atMs: z.number().nonnegative(),
    status: z.int().min(200).max(599).optional(),
    headers: z.record(z.string(), z.string()).optional(),
    body: z.string().optional(),
    error: z.string().optional(),
  })
  .refine((entry) => (entry.status === undefined) !== (entry.error === undefined));

export type ParsedRecording =
  | { readonly kind: 'recording'; readonly recording: Recording }
  /** `line` counts from 1. */
  | { readonly kind: 'broken'; readonly line: number };

/** Reads a recording. A last line without its end was cut off while it was written, and is left out. */
export function parseRecording(text: string): ParsedRecording {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const [first = '', ...rest] = whole.split('\n').slice(0, -1);
  const heading = headingSchema.safeParse(jsonOrUndefined(first));
  if (!heading.success) return { kind: 'broken', line: 1 };
  const entries: RecordedAnswer[] = [];
  for (const [index, line] of rest.entries()) {
    const entry = entrySchema.safeParse(jsonOrUndefined(line));
    const isInOrder = entry.success && entry.data.atMs >= (entries.at(-1)?.atMs ?? 0);
    if (!entry.success || !isInOrder) return { kind: 'broken', line: index + 2 };
    entries.push(entry.data);
  }
  return entries.length === 0
    ? { kind: 'broken', line: 2 }
    : { kind: 'recording', recording: { heading: heading.data, entries } };
}

/** What was answered `elapsedMs` after the beginning; before the first entry that one, after the last one the last. */
export function answerAt(recording: Recording, elapsedMs: number): RecordedAnswer | undefined {
  return recording.entries.findLast((entry) => entry.atMs <= elapsedMs) ?? recording.entries[0];
}

/** Headers of one connection, or of the very moment: an answer does not become another one by them. */
const MOMENTARY = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding', 'x-ms-request-id']);

/** The headers that make up an answer; `content-length` is left to whoever sends it again. */
export function lastingHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => !MOMENTARY.has(name.toLowerCase()) && name.toLowerCase() !== 'content-length',
    ),
  );
}

/** Whether the endpoint still says the same. */
export function isSameAnswer(a: RecordedAnswer | undefined, b: RecordedAnswer): boolean {
  if (a === undefined) return false;
  const essence = ({ atMs: _atMs, ...rest }: RecordedAnswer): string =>
    JSON.stringify([
      rest.status,
      Object.entries(rest.headers ?? {}).toSorted(([one], [other]) => (one < other ? -1 : 1)),
      rest.body,
      rest.error,
    ]);
  return essence(a) === essence(b);
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
