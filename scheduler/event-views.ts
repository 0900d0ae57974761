import { userInfo } from 'node:os';
import { z } from 'zod';
import type { CommandContext } from '../common/runtime/command.ts';
import { formatTable } from '../common/runtime/terminal.ts';
import { askScheduler, schedulerLocation } from './client.ts';

interface Options {
  readonly scheduler?: string;
  readonly scope?: string;
  readonly json?: true;
}

const eventSchema = z.object({
  scope: z.string(),
  eventId: z.string(),
  eventType: z.string(),
  phase: z.string(),
  notBefore: z.number().nullable(),
  noticeLeftSeconds: z.number().nullable(),
  leader: z.string().nullable(),
  leaderSince: z.number().nullable(),
  leaseExpiresAt: z.number().nullable(),
  term: z.number(),
  forced: z.object({ by: z.string(), reason: z.string(), at: z.number(), holds: z.boolean() }).nullable(),
  vms: z.array(
    z.object({
      name: z.string(),
      named: z.boolean(),
      promise: z.string(),
      deadlineReached: z.boolean(),
      connected: z.boolean(),
    }),
  ),
  why: z.string(),
});
type EventView = z.output<typeof eventSchema>;

/** Prints the agreements, those that are over only when asked for. */
export async function listEvents(context: CommandContext, options: Options & { readonly all?: true }): Promise<void> {
  const location = schedulerLocation(context, options.scheduler);
  const { body } = await askScheduler(location, { method: 'GET', path: '/forewarn/v1/events' });
  const { value } = z.object({ value: z.array(eventSchema) }).parse(body);
  if (options.json) {
    context.terminal.print(JSON.stringify(body, null, 2));
    return;
  }
  const shown = value.filter((event) => options.all === true || (event.phase !== 'ended' && event.phase !== 'aborted'));
  const rows = shown.map((event) => [
    event.eventId,
    event.eventType,
    event.phase,
    noticeOf(event),
    leaderOf(event),
    event.vms.map((vm) => `${vm.name}: ${vm.promise}`).join(', '),
    event.why,
  ]);
  const none = value.length === 0 ? 'no events' : `no events under way (${value.length} over; --all shows them)`;
  const headings = ['EVENT', 'TYPE', 'PHASE', 'NOTICE', 'LEADER', 'PROMISES', 'WHY'];
  context.terminal.print(formatTable(headings, rows, none));
}

/** Prints one event. */
export async function showEvent(context: CommandContext, id: string, options: Options): Promise<void> {
  const query = options.scope === undefined ? '' : `?scope=${encodeURIComponent(options.scope)}`;
  const { body } = await askScheduler(schedulerLocation(context, options.scheduler), {
    method: 'GET',
    path: `/forewarn/v1/events/${encodeURIComponent(id)}${query}`,
  });
  context.terminal.print(options.json ? JSON.stringify(body, null, 2) : describeEvent(eventSchema.parse(body)));
}

/** Asks the scheduler to let the event go ahead, in the name of whoever runs this. */
export async function forceEvent(
  context: CommandContext,
  id: string,
  options: Options & { readonly reason: string; readonly by?: string },
): Promise<void> {
  const { body } = await askScheduler(schedulerLocation(context, options.scheduler), {
    method: 'POST',
    path: `/forewarn/v1/events/${encodeURIComponent(id)}/approve`,
    body: {
      force: true,
      reason: options.reason,
      by: options.by ?? userName(),
      ...(options.scope === undefined ? {} : { scope: options.scope }),
    },
  });
  const event = eventSchema.parse(body);
  context.terminal.print(
    options.json
      ? JSON.stringify(body, null, 2)
      : `${event.eventId}: forced by ${event.forced?.by ?? ''}; one of its VMs approves it now.\n${describeEvent(event)}`,
  );
}

function describeEvent(event: EventView): string {
  const named = event.vms.filter((vm) => vm.named);
  const others = event.vms.filter((vm) => !vm.named);
  const lines: (readonly [string, string])[] = [
    ['event', `${event.eventId} (${event.eventType}) of scope ${event.scope}`],
    ['phase', event.phase],
    ['why', event.why],
    [
      'NotBefore',
      event.notBefore === null
        ? 'not told'
        : `${time(event.notBefore)}${event.noticeLeftSeconds === null ? '' : `; ${noticeOf(event)}`}`,
    ],
    ['leader', describeLeader(event)],
    ...named.map((vm) => ['promise', describeVm(vm)] as const),
    ...others.map((vm) => ['promise', `${describeVm(vm)}; not named any more`] as const),
  ];
  const { forced } = event;
  if (forced !== null) {
    const holds = forced.holds ? '' : '; it names other VMs since, and must be forced again';
    lines.push(['forced', `by ${forced.by} at ${time(forced.at)}: ${forced.reason}${holds}`]);
  }
  return lines.map(([label, value]) => `${label.padEnd(10)} ${value}`).join('\n');
}

function describeVm(vm: EventView['vms'][number]): string {
  const late = vm.deadlineReached ? ' (its drain was not proven in time)' : '';
  return `${vm.name}: ${vm.promise}${late}${vm.connected ? '' : ', its agent is not connected'}`;
}

function describeLeader(event: EventView): string {
  if (event.leader === null) return 'none yet';
  const since = event.leaderSince === null ? '' : `, since ${time(event.leaderSince)}`;
  const isOpen = event.phase === 'preparing' || event.phase === 'intent';
  const until =
    event.leaseExpiresAt === null || !isOpen
      ? ''
      : `; its lease ends at ${time(event.leaseExpiresAt)} unless it renews it`;
  return `${leaderOf(event)}${since}${until}`;
}

function leaderOf(event: EventView): string {
  return event.leader === null ? '-' : `${event.leader} (term ${event.term})`;
}

function noticeOf(event: EventView): string {
  if (event.noticeLeftSeconds === null) return '-';
  const left = Math.round(event.noticeLeftSeconds);
  return left >= 60 ? `${Math.floor(left / 60)} min ${left % 60} s left` : `${left} s left`;
}

function time(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** A user without an entry in the system's list still has a number. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
