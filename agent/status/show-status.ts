import { z } from 'zod';
import { systemClock } from '../../common/runtime/clock.ts';
import { formatDuration } from '../../common/runtime/duration.ts';
import { formatTable, type Terminal } from '../../common/runtime/terminal.ts';
import { askAgent } from '../ask-agent.ts';

/** The part of the status that is shown to people; `--json` prints all of it. */
const shownSchema = z.object({
  name: z.string(),
  scope: z.string(),
  inRotation: z.boolean(),
  reasons: z.array(z.string()),
  lastPoll: z.object({ ok: z.boolean(), agoMs: z.number(), reason: z.string() }).nullable(),
  coordinator: z.string(),
  /** Of an older agent: none. */
  warnings: z.array(z.string()).default([]),
  events: z.array(
    z.object({
      eventId: z.string(),
      eventType: z.string(),
      status: z.string(),
      resources: z.array(z.string()),
      /** Epoch milliseconds. Of an older agent: none. */
      notBeforeMs: z.number().nullable().optional(),
      promise: z.string(),
      stance: z.string().optional(),
      reason: z.string().optional(),
      preparation: z.string(),
      detail: z.string().optional(),
      approved: z.boolean(),
      record: z.object({ phase: z.string(), leader: z.string().nullable(), awaited: z.array(z.string()) }).nullable(),
    }),
  ),
  maintenance: z.array(z.object({ workId: z.string(), reason: z.string(), step: z.string(), released: z.boolean() })),
});
type Shown = z.output<typeof shownSchema>;

/** `forewarn agent status`. */
export async function showStatus(terminal: Terminal, socket: string, asJson: boolean): Promise<void> {
  const body = await askAgent(socket, { method: 'GET', path: '/status' });
  terminal.print(
    asJson ? JSON.stringify(body, undefined, 2) : formatStatus(shownSchema.parse(body), systemClock.now()),
  );
}

/** `forewarn agent events`. */
export async function showEvents(terminal: Terminal, socket: string, asJson: boolean): Promise<void> {
  const body = await askAgent(socket, { method: 'GET', path: '/events' });
  terminal.print(
    asJson ? JSON.stringify(body, undefined, 2) : formatEvents(shownSchema.shape.events.parse(body), systemClock.now()),
  );
}

/** The status as a page of text; `nowMs` is the time on the wall. */
export function formatStatus(status: Shown, nowMs: number): string {
  const poll =
    status.lastPoll === null
      ? 'not yet'
      : `${status.lastPoll.ok ? 'ok' : `failed (${status.lastPoll.reason})`}, ${formatDuration(status.lastPoll.agoMs)} ago`;
  const lines = [
    `${status.name} (${status.scope}): ${status.inRotation ? 'in rotation' : 'out of rotation'}`,
    ...status.reasons.map((reason) => `  because: ${reason}`),
    `last poll: ${poll}`,
    `coordinator: ${status.coordinator}`,
    ...status.warnings.map((warning) => `warning: ${warning}`),
    '',
    formatEvents(status.events, nowMs),
  ];
  for (const one of status.maintenance)
    lines.push(`maintenance ${one.workId} (${one.reason}): ${one.released ? 'released' : one.step}`);
  return lines.join('\n');
}

function formatEvents(events: Shown['events'], nowMs: number): string {
  const table = formatTable(
    ['EVENT', 'TYPE', 'STATUS', 'LEFT', 'VMS', 'PROMISE', 'DRAIN', 'AGREEMENT'],
    events.map((event) => [
      event.eventId,
      event.eventType,
      event.status,
      timeLeft(event, nowMs),
      event.resources.join(','),
      event.promise,
      event.preparation,
      agreement(event),
    ]),
    'no events name this VM',
  );
  return [table, ...events.flatMap(explain)].join('\n');
}

/** Of the notice: what the platform waits for at most. */
function timeLeft({ status, notBeforeMs }: Shown['events'][number], nowMs: number): string {
  if (status !== 'Scheduled' || notBeforeMs === undefined || notBeforeMs === null) return '-';
  return formatDuration(Math.max(0, notBeforeMs - nowMs));
}

/** Why an event is not where its operator may want it. */
function explain({ eventId, stance, reason = '', preparation, detail = '' }: Shown['events'][number]): string[] {
  const lines: string[] = [];
  if (stance !== 'out' && reason !== '') lines.push(`${eventId} stays in service for now: ${reason}`);
  if (preparation === 'retry') lines.push(`${eventId} could not be drained, and is tried again: ${detail}`);
  else if (preparation === 'prove' && detail !== '') lines.push(`${eventId} waits until traffic has gone: ${detail}`);
  return lines;
}

function agreement(event: Shown['events'][number]): string {
  const { record } = event;
  if (record === null) return event.approved ? 'approved' : '-';
  const leader = record.leader === null ? '' : `, leader ${record.leader}`;
  const awaited = record.awaited.length === 0 ? '' : `, awaits ${record.awaited.join(', ')}`;
  return `${record.phase}${leader}${awaited}`;
}
