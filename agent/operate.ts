import { z } from 'zod';
import { systemClock } from '../common/runtime/clock.ts';
import { formatDuration, parseDurationOrUndefined } from '../common/runtime/duration.ts';
import { EXIT_USAGE, UserError } from '../common/runtime/errors.ts';
import type { Terminal } from '../common/runtime/terminal.ts';
import { askAgent } from './ask-agent.ts';
import { COMING_BACK } from './core/coming-back.ts';
import { OPERATOR_WORK } from './operator-work.ts';

/** How often a command looks whether the drain is proven. */
const LOOK_EVERY_MS = 500;

const statusSchema = z.object({
  inRotation: z.boolean(),
  reasons: z.array(z.string()),
  maintenance: z.array(
    z.object({ workId: z.string(), step: z.string(), released: z.boolean(), detail: z.string().optional() }),
  ),
});

/** `forewarn agent drain`. */
export async function drainVm(
  terminal: Terminal,
  socket: string,
  options: { readonly reason: string; readonly for: string; readonly wait?: string; readonly json?: boolean },
): Promise<void> {
  const forMs = durationOption('--for', options.for);
  const waitMs = options.wait === undefined ? undefined : durationOption('--wait', options.wait);
  const body = await askAgent(socket, {
    method: 'POST',
    path: '/drain',
    body: { reason: options.reason, for: options.for },
  });
  const isProven = waitMs !== undefined && (await untilProven(socket, waitMs));
  if (options.json === true) terminal.print(JSON.stringify({ ...toObject(body), proven: isProven }));
  else
    terminal.print(
      `${isProven ? 'out of rotation, and no traffic is left' : 'being taken out of rotation'}; forewarn agent restore ends it, at the latest in ${formatDuration(forMs)}`,
    );
  if (waitMs !== undefined && !isProven)
    throw new UserError('NOT_DRAINED', `the drain was not proven within ${options.wait}`, {
      hint: 'forewarn agent status says what is left; the drain goes on',
    });
}

async function untilProven(socket: string, waitMs: number): Promise<boolean> {
  const deadlineMs = systemClock.monotonic() + waitMs;
  for (;;) {
    const status = statusSchema.parse(await askAgent(socket, { method: 'GET', path: '/status' }));
    const own = status.maintenance.find((one) => one.workId === OPERATOR_WORK && !one.released);
    if (own?.step === 'proven') return true;
    if (systemClock.monotonic() >= deadlineMs) return false;
    await systemClock.sleep(LOOK_EVERY_MS);
  }
}

/** `forewarn agent restore`. */
export async function restoreVm(terminal: Terminal, socket: string, asJson: boolean): Promise<void> {
  const body = await askAgent(socket, { method: 'POST', path: '/restore' });
  const { restoring } = z.object({ restoring: z.boolean() }).parse(body);
  const { reasons } = statusSchema.parse(await askAgent(socket, { method: 'GET', path: '/status' }));
  if (asJson) terminal.print(JSON.stringify({ restoring, reasons }));
  else if (!restoring) terminal.print('the operator had not drained this VM; nothing to end');
  else {
    const others = reasons.filter((reason) => reason !== COMING_BACK);
    terminal.print(['coming back into rotation', ...others.map((reason) => `  still: ${reason}`)].join('\n'));
  }
}

/** `forewarn agent withdraw EVENT`. */
export async function withdrawVm(
  terminal: Terminal,
  socket: string,
  options: { readonly event: string; readonly json: boolean },
): Promise<void> {
  const body = await askAgent(socket, { method: 'POST', path: '/withdraw', body: { eventId: options.event } });
  const { detail } = z.object({ ok: z.boolean(), detail: z.string() }).parse(body);
  terminal.print(options.json ? JSON.stringify(body) : `${options.event}: ${detail}`);
}

function durationOption(option: string, text: string): number {
  const ms = parseDurationOrUndefined(text);
  if (ms === undefined || ms === 0)
    throw new UserError('BAD_DURATION', `${option}: expected a duration like "30m", got ${JSON.stringify(text)}`, {
      exitStatus: EXIT_USAGE,
    });
  return ms;
}

function toObject(body: unknown): object {
  return typeof body === 'object' && body !== null ? body : {};
}
