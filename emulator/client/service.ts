import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { CommandContext } from '../../common/runtime/command.ts';
import { EXIT_USAGE, systemErrorCode, UserError } from '../../common/runtime/errors.ts';
import { formatTable } from '../../common/runtime/terminal.ts';
import { callControl, controlApi } from './control-client.ts';
import type { CommonOptions } from './options.ts';

/** VMs boot and finish what they do; the emulator bounds both. */
export const CHANGE_TIMEOUT_MS = 60_000;

const slotsSchema = z.looseObject({
  slots: z.array(
    z.looseObject({
      slot: z.string(),
      deployment: z.number(),
      scope: z.string(),
      address: z.string().nullable(),
      roles: z.array(z.looseObject({ name: z.string(), instances: z.number(), healthy: z.number().nullable() })),
    }),
  ),
});
type Slots = z.output<typeof slotsSchema>;

/** `forewarn emulator service` */
export async function showService(context: CommandContext, options: CommonOptions): Promise<void> {
  const control = await controlApi(context, options);
  print(context, await callControl(control, { method: 'GET', path: '/service' }, slotsSchema), options);
}

/** `forewarn emulator scale ROLE INSTANCES` */
export async function scale(
  context: CommandContext,
  wanted: { readonly role: string; readonly instances: string },
  options: CommonOptions & { readonly slot?: string },
): Promise<void> {
  const instances = Number(wanted.instances);
  if (!Number.isInteger(instances) || instances < 1) {
    const message = `expected a number of instances from 1, got ${JSON.stringify(wanted.instances)}`;
    throw new UserError('BAD_NUMBER', message, { exitStatus: EXIT_USAGE });
  }
  await change(
    context,
    { path: '/service/scale', body: { role: wanted.role, instances, slot: options.slot } },
    options,
  );
}

/** `forewarn emulator upload FILE` */
export async function upload(context: CommandContext, file: string, options: CommonOptions): Promise<void> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const message = `cannot read ${file}: ${systemErrorCode(error) ?? 'failed'}`;
    throw new UserError('FILE_UNREADABLE', message, { exitStatus: EXIT_USAGE, cause: error });
  }
  await change(context, { path: '/service/upload', body: { file: path.resolve(file), text } }, options);
}

/** `forewarn emulator swap` */
export async function swap(context: CommandContext, options: CommonOptions): Promise<void> {
  await change(context, { path: '/service/swap', body: {} }, options);
}

async function change(
  context: CommandContext,
  wanted: { readonly path: string; readonly body: unknown },
  options: CommonOptions,
): Promise<void> {
  const control = await controlApi(context, options);
  const slots = await callControl(control, { method: 'POST', timeoutMs: CHANGE_TIMEOUT_MS, ...wanted }, slotsSchema);
  print(context, slots, options);
}

function print(context: CommandContext, found: Slots, options: CommonOptions): void {
  if (options.json === true) {
    context.terminal.print(JSON.stringify(found, undefined, 2));
    return;
  }
  const rows = found.slots.flatMap((slot) =>
    slot.roles.map((role) => [
      slot.slot,
      `${slot.deployment}`,
      slot.scope,
      role.name,
      `${role.instances}`,
      role.healthy === null ? '-' : `${role.healthy}`,
      slot.address ?? '-',
    ]),
  );
  const headings = ['SLOT', 'DEPLOYMENT', 'SCOPE', 'ROLE', 'INSTANCES', 'HEALTHY', 'ADDRESS'];
  context.terminal.print(formatTable(headings, rows, 'no deployment'));
}
