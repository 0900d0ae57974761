import { formatDuration } from '../../common/runtime/duration.ts';
import type { Phase } from './phases.ts';

/** One thing that happened, as whoever is told wants to read it. */
export interface Message {
  readonly vm: string;
  readonly scope: string;
  readonly role: string;
  readonly phase: Phase;
  readonly eventId: string;
  readonly eventType: string;
  readonly resources: readonly string[];
  /** Epoch milliseconds. */
  readonly notBeforeMs: number | undefined;
  /** Nothing of the notice is left, whatever NotBefore says. */
  readonly hasStarted: boolean;
  readonly atMs: number;
  readonly detail: string;
}

/** What is sent when the settings do not say what. */
export const USUAL_BODY = {
  text: '{vm}: {phase} {eventType} {eventId}, time left {timeLeft}: {detail}',
  vm: '{vm}',
  scope: '{scope}',
  role: '{role}',
  phase: '{phase}',
  eventId: '{eventId}',
  eventType: '{eventType}',
  resources: '{resources}',
  notBefore: '{notBefore}',
  timeLeft: '{timeLeft}',
  at: '{at}',
  detail: '{detail}',
} as const;

/**
 * The body to send: the template with every `{field}` in its texts replaced. Since the template is JSON and not text, what an
 * event says about itself cannot break out of it. A name that is no field stays as it is.
 */
export function fillBody(template: unknown, message: Message): unknown {
  const values = fieldsOf(message);
  const fill = (value: unknown): unknown => {
    if (typeof value === 'string')
      return value.replaceAll(/\{([A-Za-z]+)\}/g, (whole, field: string) => values.get(field) ?? whole);
    if (Array.isArray(value)) return value.map(fill);
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner)]));
    return value;
  };
  return fill(template);
}

function fieldsOf(message: Message): ReadonlyMap<string, string> {
  const { notBeforeMs, atMs } = message;
  const leftMs = message.hasStarted ? 0 : notBeforeMs === undefined ? undefined : notBeforeMs - atMs;
  return new Map([
    ['vm', message.vm],
    ['scope', message.scope],
    ['role', message.role],
    ['phase', message.phase],
    ['eventId', message.eventId],
    ['eventType', message.eventType],
    ['resources', message.resources.join(', ')],
    ['notBefore', notBeforeMs === undefined ? '' : new Date(notBeforeMs).toISOString()],
    ['timeLeft', leftMs === undefined ? 'unknown' : leftMs <= 0 ? 'none' : formatDuration(leftMs)],
    ['at', new Date(atMs).toISOString()],
    ['detail', message.detail],
  ]);
}
