import { WebSocket, type RawData } from 'ws';
import { z } from 'zod';
import type { CommandContext } from '../common/runtime/command.ts';
import { UserError } from '../common/runtime/errors.ts';
import { stopSignal } from '../common/runtime/lifecycle.ts';
import { formatTable } from '../common/runtime/terminal.ts';
import { WATCH_PATH } from './api/watch-server.ts';
import { askScheduler, schedulerLocation } from './client.ts';

interface Options {
  readonly scheduler?: string;
  readonly json?: true;
}

const vmsSchema = z.object({
  value: z.array(
    z.object({
      name: z.string(),
      scope: z.string(),
      role: z.string(),
      updateDomain: z.string(),
      connected: z.boolean(),
      inRotation: z.boolean(),
      healthy: z.boolean(),
      reasons: z.array(z.string()),
      agentVersion: z.string(),
    }),
  ),
});

const entrySchema = z.object({
  at: z.number(),
  source: z.string(),
  vm: z.string().optional(),
  kind: z.string(),
  detail: z.string(),
});

/** Prints the VMs. */
export async function showVms(context: CommandContext, options: Options): Promise<void> {
  const location = schedulerLocation(context, options.scheduler);
  const response = await askScheduler(location, { method: 'GET', path: '/forewarn/v1/vms' });
  const { value } = vmsSchema.parse(response.body);
  if (options.json) {
    context.terminal.print(JSON.stringify(response.body, null, 2));
    return;
  }
  const rows = value.map((vm) => [
    vm.name,
    vm.role,
    vm.scope,
    vm.updateDomain,
    vm.connected ? 'connected' : 'lost',
    vm.inRotation ? (vm.healthy ? 'in rotation' : 'in rotation, not healthy') : 'out',
    vm.reasons.join('; ') || '-',
    vm.agentVersion,
  ]);
  const headings = ['VM', 'ROLE', 'SCOPE', 'UD', 'AGENT', 'STATE', 'WHY', 'VERSION'];
  context.terminal.print(formatTable(headings, rows, 'no VM is known: no agent has spoken to this scheduler yet'));
}

/** Prints the timeline until a signal comes, or the scheduler goes away (a failure). */
export async function watchFleet(context: CommandContext, options: Options): Promise<void> {
  const location = schedulerLocation(context, options.scheduler);
  // A scheduler that is not there is said in the usual words.
  await askScheduler(location, { method: 'GET', path: '/forewarn/v1/health' });
  const url = new URL(WATCH_PATH, location.url);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = new WebSocket(url, {
    ...(location.token === undefined ? {} : { headers: { authorization: `Bearer ${location.token}` } }),
    ...(location.ca === undefined ? {} : { ca: location.ca }),
  });
  const signal = stopSignal();
  socket.on('message', (data: RawData) => {
    const text = Buffer.isBuffer(data) ? data.toString('utf8') : '';
    context.terminal.print(options.json ? text : formatEntry(text));
  });
  await new Promise<void>((resolve, reject) => {
    signal.addEventListener('abort', () => {
      socket.close();
      resolve();
    });
    socket.on('error', (error) => {
      reject(new UserError('WATCH_FAILED', `cannot watch the scheduler at ${url.href}: ${error.message}`));
    });
    socket.on('close', () => {
      if (signal.aborted) resolve();
      else reject(new UserError('WATCH_ENDED', 'the scheduler ended the connection', { hint: 'is it still running?' }));
    });
  });
}

function formatEntry(text: string): string {
  const parsed = entrySchema.safeParse(JSON.parse(text));
  if (!parsed.success) return text;
  const { at, vm, kind, detail } = parsed.data;
  return `${new Date(at).toISOString().slice(11, 23)}  ${(vm ?? '-').padEnd(16)}  ${kind.padEnd(20)}  ${detail}`;
}
