import { z } from 'zod';
import type { CommandContext } from '../common/runtime/command.ts';
import { parseDurationOrUndefined } from '../common/runtime/duration.ts';
import { EXIT_USAGE, UserError } from '../common/runtime/errors.ts';
import { formatTable } from '../common/runtime/terminal.ts';
import { askScheduler, schedulerLocation } from './client.ts';

interface ServerOptions {
  readonly scheduler?: string;
  readonly json?: true;
}

const tokenSchema = z.object({ token: z.string(), expiresAt: z.number() });
const keysSchema = z.object({
  value: z.array(
    z.object({
      scope: z.string(),
      name: z.string(),
      vmId: z.string(),
      publicKey: z.string(),
      enrolledAt: z.number(),
      rotatedAt: z.number().nullable(),
      revokedAt: z.number().nullable(),
    }),
  ),
});

/** `forewarn vms enrol`: prints a one-time token and nothing else, so that it can be piped to where it belongs. */
export async function issueToken(
  context: CommandContext,
  options: ServerOptions & { readonly scope: string; readonly name?: string; readonly valid: string },
): Promise<void> {
  const { scope, name } = options;
  const validMs = parseDurationOrUndefined(options.valid);
  if (validMs === undefined || validMs <= 0) {
    throw new UserError('DURATION', `--valid: expected a duration like 10m, got ${JSON.stringify(options.valid)}`, {
      exitStatus: EXIT_USAGE,
    });
  }
  const validSeconds = Math.ceil(validMs / 1000);
  const { body } = await askScheduler(schedulerLocation(context, options.scheduler), {
    method: 'POST',
    path: '/forewarn/v1/agents/tokens',
    body: { scope, ...(name === undefined ? {} : { name }), validSeconds },
  });
  const { token, expiresAt } = tokenSchema.parse(body);
  context.terminal.print(
    options.json ? JSON.stringify({ token, expiresAt: new Date(expiresAt).toISOString() }) : token,
  );
}

/** `forewarn vms keys`. */
export async function showKeys(context: CommandContext, options: ServerOptions): Promise<void> {
  const { body } = await askScheduler(schedulerLocation(context, options.scheduler), {
    method: 'GET',
    path: '/forewarn/v1/agents/keys',
  });
  const { value } = keysSchema.parse(body);
  if (options.json) {
    context.terminal.print(JSON.stringify({ value }, null, 2));
    return;
  }
  const rows = value.map((key) => [
    key.scope,
    key.name,
    key.vmId,
    timeOf(key.enrolledAt),
    timeOf(key.rotatedAt),
    timeOf(key.revokedAt),
  ]);
  const headings = ['SCOPE', 'VM', 'VM ID', 'ENROLLED', 'NEW KEY', 'REVOKED'];
  context.terminal.print(formatTable(headings, rows, 'no VM is enrolled'));
}

/** `forewarn vms revoke`. */
export async function revokeKey(
  context: CommandContext,
  vm: { readonly scope: string; readonly name: string },
  options: ServerOptions,
): Promise<void> {
  const path = `/forewarn/v1/agents/keys/${encodeURIComponent(vm.scope)}/${encodeURIComponent(vm.name)}`;
  await askScheduler(schedulerLocation(context, options.scheduler), { method: 'DELETE', path }, [204]);
  context.terminal.print(`${vm.name} of ${vm.scope}: its key does not hold any more, and its connection is closed.`);
}

function timeOf(ms: number | null): string {
  return ms === null ? '' : new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}
