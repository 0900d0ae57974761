import type { z } from 'zod';
import type { CommandContext } from '../../common/runtime/command.ts';
import { formatDuration } from '../../common/runtime/duration.ts';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import { stopSignal } from '../../common/runtime/lifecycle.ts';
import { formatTable } from '../../common/runtime/terminal.ts';
import { parseSignedDurationOrUndefined } from '../fault-span.ts';
import { FAULT_KINDS } from '../faults.ts';
import type { EventType } from '../platform/state.ts';
import {
  activitySchema,
  eventsSchema,
  eventViewSchema,
  faultAnswerSchema,
  faultsSchema,
  fleetAnswerSchema,
  nothingSchema,
  type EventAnswer,
} from './answers.ts';
import { callControl, controlApi, type ControlApi } from './control-client.ts';
import type { CommonOptions } from './options.ts';
import { durationOption, wholeSecondsOption } from './span-options.ts';
import { watchControl } from './watch-control.ts';

export interface ScheduleOptions extends CommonOptions {
  readonly notice?: string;
  readonly duration?: string;
  readonly description?: string;
  readonly source?: string;
  readonly started?: boolean;
  readonly fault?: boolean;
}

/** `forewarn emulator reboot VM...` and its likes. */
export async function schedule(
  context: CommandContext,
  wanted: { readonly type: EventType; readonly vms: readonly string[] },
  options: ScheduleOptions,
): Promise<void> {
  const body = {
    type: wanted.type,
    resources: wanted.vms,
    noticeMs: durationOption('--notice', options.notice),
    durationSeconds: wholeSecondsOption('--duration', options.duration),
    description: options.description,
    source: options.source,
    started: options.started,
    fault: options.fault,
  };
  const control = await controlApi(context, options);
  const event = await callControl(control, { method: 'POST', path: '/events', body }, eventViewSchema);
  if (options.json === true) context.terminal.print(JSON.stringify(event, undefined, 2));
  else {
    const when = event.notBefore === null ? 'started at once' : `not before ${event.notBefore}`;
    context.terminal.print(`${event.type} of ${event.resources.join(', ')}, ${when}: event ${event.eventId}`);
  }
}

/** `cancel`, `start`, `complete`: EventIds may be shortened as long as they stay unique. */
export async function changeEvent(
  context: CommandContext,
  wanted: { readonly verb: 'cancel' | 'start' | 'complete'; readonly id: string },
  options: CommonOptions,
): Promise<void> {
  const control = await controlApi(context, options);
  const eventId = await fullEventId(control, wanted.id);
  const path = `/events/${encodeURIComponent(eventId)}/${wanted.verb}`;
  await callControl(control, { method: 'POST', path }, nothingSchema);
  const done = { cancel: 'cancelled', start: 'started', complete: 'completed' }[wanted.verb];
  context.terminal.print(options.json === true ? JSON.stringify({ eventId, done }) : `event ${eventId} ${done}`);
}

/** EventIds may be shortened as long as they stay unique among those that are not over. */
export async function fullEventId(control: ControlApi, id: string): Promise<string> {
  const { events } = await callControl(control, { method: 'GET', path: '/events' }, eventsSchema);
  const live = events.filter((event) => event.state !== 'completed' && event.state !== 'cancelled');
  const matching = live.filter((event) => event.eventId.startsWith(id.toUpperCase()));
  const [only, other] = matching;
  if (only === undefined) return id;
  if (other === undefined || only.eventId === id.toUpperCase()) return only.eventId;
  const message = `${JSON.stringify(id)} is the beginning of ${matching.length} events: ${matching.map((event) => event.eventId).join(', ')}`;
  throw new UserError('AMBIGUOUS_EVENT', message, { exitStatus: EXIT_USAGE });
}

/** `forewarn emulator events` */
export async function listEvents(context: CommandContext, options: CommonOptions): Promise<void> {
  const control = await controlApi(context, options);
  const { events } = await callControl(control, { method: 'GET', path: '/events' }, eventsSchema);
  if (options.json === true) context.terminal.print(JSON.stringify(events, undefined, 2));
  else {
    const headings = ['EVENT', 'TYPE', 'STATE', 'NOT BEFORE', 'APPROVED BY', 'NOTICE LEFT', 'VMS'];
    context.terminal.print(formatTable(headings, events.map(eventRow), 'no events'));
  }
}

function eventRow(event: EventAnswer): readonly string[] {
  return [
    event.eventId,
    event.type,
    event.state,
    event.notBefore ?? '-',
    event.approvals[0]?.by ?? '-',
    event.noticeLeftMs === null ? '-' : formatDuration(event.noticeLeftMs),
    event.resources.join(' '),
  ];
}

/** `forewarn emulator fleet` */
export async function showFleet(context: CommandContext, options: CommonOptions): Promise<void> {
  const control = await controlApi(context, options);
  const fleet = await callControl(control, { method: 'GET', path: '/fleet' }, fleetAnswerSchema);
  if (options.json === true) {
    context.terminal.print(JSON.stringify(fleet, undefined, 2));
    return;
  }
  if (fleet.publicAddress !== null) context.terminal.print(`public address ${fleet.publicAddress}\n`);
  const rows = fleet.vms.map((vm) => [
    vm.name,
    vm.scope,
    `${vm.updateDomain}`,
    `${vm.faultDomain}`,
    vm.isGone ? 'gone' : vm.isServing === null ? '-' : vm.isServing ? 'in' : 'out',
    vm.connections === null ? '-' : `${vm.connections}`,
    vm.metadata,
    Object.entries(vm.ports)
      .map(([name, port]) => `${name}:${port}`)
      .join(' ') || '-',
  ]);
  context.terminal.print(
    formatTable(['VM', 'SCOPE', 'UD', 'FD', 'ROTATION', 'CONNECTIONS', 'METADATA', 'PORTS'], rows, 'no VMs'),
  );
}

export interface FaultOptions extends CommonOptions {
  readonly vm?: string;
  readonly for?: string;
  readonly latency?: string;
  readonly by?: string;
}

/** `forewarn emulator fault KIND`; `none` clears. */
export async function setFault(context: CommandContext, kind: string, options: FaultOptions): Promise<void> {
  const control = await controlApi(context, options);
  const whose = options.vm ?? 'every VM';
  if (kind === 'none') {
    const query = options.vm === undefined ? '' : `?vm=${encodeURIComponent(options.vm)}`;
    await callControl(control, { method: 'DELETE', path: `/faults${query}` }, nothingSchema);
    context.terminal.print(options.json === true ? '{"cleared":true}' : `no fault at ${whose} any more`);
    return;
  }
  if (!FAULT_KINDS.some((known) => known === kind)) {
    const message = `expected a kind of fault (${FAULT_KINDS.join(', ')}) or none, got ${JSON.stringify(kind)}`;
    throw new UserError('UNKNOWN_FAULT', message, { exitStatus: EXIT_USAGE });
  }
  const forMs = durationOption('--for', options.for);
  const latencyMs = durationOption('--latency', options.latency);
  const byMs = durationOption('--by', options.by, parseSignedDurationOrUndefined);
  const body = { kind, vm: options.vm, forMs, latencyMs, byMs };
  const fault = await callControl(control, { method: 'POST', path: '/faults', body }, faultAnswerSchema);
  const span = forMs === undefined ? 'until it is cleared (fault none)' : `for ${formatDuration(forMs)}`;
  context.terminal.print(
    options.json === true ? JSON.stringify(fault) : `${faultName(fault)} at ${fault.vm ?? 'every VM'} ${span}`,
  );
}

function faultName(fault: z.output<typeof faultAnswerSchema>): string {
  return fault.byMs === undefined ? fault.kind : `${fault.kind} by ${formatDuration(fault.byMs)}`;
}

/** `forewarn emulator faults` */
export async function listFaults(context: CommandContext, options: CommonOptions): Promise<void> {
  const control = await controlApi(context, options);
  const { faults } = await callControl(control, { method: 'GET', path: '/faults' }, faultsSchema);
  if (options.json === true) context.terminal.print(JSON.stringify(faults, undefined, 2));
  else {
    const rows = faults.map((fault) => [
      faultName(fault),
      fault.vm ?? 'every VM',
      fault.untilMs === undefined ? 'cleared' : new Date(fault.untilMs).toISOString(),
    ]);
    context.terminal.print(formatTable(['FAULT', 'AT', 'UNTIL'], rows, 'no faults'));
  }
}

/** `forewarn emulator watch`: prints what happens until it is interrupted. */
export async function watch(
  context: CommandContext,
  options: CommonOptions & { readonly recent?: boolean },
): Promise<void> {
  const control = await controlApi(context, options);
  const stop = stopSignal();
  const watching = watchControl(control, { isRecent: options.recent === true }, (text) => {
    context.terminal.print(options.json === true ? text : activityLine(text));
  });
  stop.addEventListener('abort', () => {
    watching.stop();
  });
  await watching.ended;
}

function activityLine(text: string): string {
  const { at, kind, vm, eventId, detail } = activitySchema.parse(JSON.parse(text));
  const event = eventId === undefined ? '' : ` [${eventId.slice(0, 8)}]`;
  return `${at.slice(11, 23)}  ${kind.padEnd(18)} ${(vm ?? '').padEnd(16)} ${detail}${event}`;
}
