import { z } from 'zod';
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
      promise: z.string(),
      stance: z.string().optional(),
      reason: z.string().optional(),
      preparation: z.string(),
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
  terminal.print(asJson ? JSON.stringify(body, undefined, 2) : formatStatus(shownSchema.parse(body)));
}

/** `forewarn agent events`. */
export async function showEvents(terminal: Terminal, socket: string, asJson: boolean): Promise<void> {
  const body = await askAgent(socket, { method: 'GET', path: '/events' });
  terminal.print(asJson ? JSON.stringify(body, undefined, 2) : formatEvents(shownSchema.shape.events.parse(body)));
}

/** The status as a page of text. */
export function formatStatus(status: Shown): string {
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
    formatEvents(status.events),
  ];
  for (const { eventId, stance, reason = '' } of status.events)
    if (stance !== 'out' && reason !== '') lines.push(`${eventId} stays in service for now: ${reason}`);
  for (const one of status.maintenance)
    lines.push(`maintenance ${one.workId} (${one.reason}): ${one.released ? 'released' : one.step}`);
  return lines.join('\n');
}

function formatEvents(events: Shown['events']): string {
  return formatTable(
    ['EVENT', 'TYPE', 'STATUS', 'VMS', 'PROMISE', 'DRAIN', 'AGREEMENT'],
    events.map((event) => [
      event.eventId,
      event.eventType,
      event.status,
      event.resources.join(','),
      event.promise,
      event.preparation,
      agreement(event),
    ]),
    'no events name this VM',
  );
}

function agreement(event: Shown['events'][number]): string {
  const { record } = event;
  if (record === null) return event.approved ? 'approved' : '-';
  const leader = record.leader === null ? '' : `, leader ${record.leader}`;
  const awaited = record.awaited.length === 0 ? '' : `, awaits ${record.awaited.join(', ')}`;
  return `${record.phase}${leader}${awaited}`;
}
