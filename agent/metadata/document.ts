import type { EventDocument, ScheduledEvent } from '../core/event-document.ts';

/** Whether the text of an answer is a document, and if not, why not: for the log. */
export type ParsedDocument =
  | { readonly kind: 'document'; readonly document: EventDocument }
  | { readonly kind: 'unusable'; readonly reason: string };

/** More events than this are no document of Azure's: the array holds what one scope has pending at a time. */
const MAX_EVENTS = 1000;
/** A scale-set placement group has at most 100 VMs, one without a placement limit 1,000. */
const MAX_RESOURCES = 2000;

/**
 * Reads a document tolerantly: unknown fields, unknown types of event and missing optional fields are taken as they come.
 * Strict only where a misreading could look like "no events": half a document, Events that is no array, an event without
 * an id or without its VMs make the whole answer unusable, because absence is what releases a VM's promise.
 */
export function parseDocument(text: string): ParsedDocument {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return unusable(`expected JSON, got ${describeText(text)}`);
  }
  if (!isObject(value)) return unusable('expected a JSON object');
  const incarnation = parseIncarnation(value['DocumentIncarnation']);
  if (incarnation === undefined) return unusable('DocumentIncarnation: expected an integer');
  const list = value['Events'];
  if (!Array.isArray(list)) return unusable('Events: expected an array');
  if (list.length > MAX_EVENTS) return unusable(`Events: expected at most ${MAX_EVENTS}, got ${list.length}`);
  const events: ScheduledEvent[] = [];
  for (const [index, item] of list.entries()) {
    const event = parseEvent(item);
    if (typeof event === 'string') return unusable(`Events[${index}].${event}`);
    events.push(event);
  }
  return { kind: 'document', document: { incarnation, events } };
}

/** An event, or what is wrong with it. */
function parseEvent(item: unknown): ScheduledEvent | string {
  if (!isObject(item)) return 'expected an object';
  const eventId = item['EventId'];
  const eventType = item['EventType'];
  const resources = item['Resources'];
  if (typeof eventId !== 'string' || eventId === '' || eventId.length > 64) return 'EventId: expected an identifier';
  if (typeof eventType !== 'string' || eventType === '') return 'EventType: expected text';
  if (!Array.isArray(resources) || !resources.every((name) => typeof name === 'string'))
    return 'Resources: expected an array of names';
  if (resources.length > MAX_RESOURCES) return `Resources: expected at most ${MAX_RESOURCES} names`;
  const duration = Number(item['DurationInSeconds'] ?? -1);
  return {
    eventId,
    eventType,
    status: textOr(item['EventStatus'], 'Unknown'),
    resources,
    notBeforeMs: parseTime(item['NotBefore']),
    description: textOr(item['Description'], ''),
    source: textOr(item['EventSource'], ''),
    durationSeconds: Number.isFinite(duration) ? duration : -1,
  };
}

/** An integer on the wire today; clients in the field have also met it as text. */
function parseIncarnation(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

/** RFC 1123 in every capture, ISO 8601 in old documentation; both are read. */
function parseTime(value: unknown): number | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? undefined : ms;
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === 'string' ? value : fallback;
}

function describeText(text: string): string {
  return text === '' ? 'an empty answer' : `${text.length} characters that are none (cut short?)`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unusable(reason: string): ParsedDocument {
  return { kind: 'unusable', reason };
}
