import { z } from 'zod';
import type { CommandContext } from '../../common/runtime/command.ts';
import { formatTable } from '../../common/runtime/terminal.ts';
import { callControl, controlApi } from './control-client.ts';
import type { CommonOptions } from './options.ts';
import { durationOption, wholeSecondsOption } from './span-options.ts';

export interface MaintainOptions extends CommonOptions {
  readonly by?: string;
  readonly type?: string;
  readonly notice?: string;
  readonly duration?: string;
  readonly cancel?: string;
}

const maintenanceSchema = z.looseObject({
  id: z.string(),
  target: z.string(),
  by: z.string(),
  type: z.string(),
  state: z.string(),
  steps: z.array(z.looseObject({ domain: z.number(), vms: z.array(z.string()), state: z.string() })),
});

/** `forewarn emulator maintain [TARGET]`: begins a maintenance, cancels one, or lists them. */
export async function maintain(
  context: CommandContext,
  target: string | undefined,
  options: MaintainOptions,
): Promise<void> {
  const control = await controlApi(context, options);
  if (target === undefined && options.cancel === undefined) {
    const schema = z.looseObject({ maintenance: z.array(maintenanceSchema) });
    const { maintenance } = await callControl(control, { method: 'GET', path: '/maintenance' }, schema);
    print(context, maintenance, options);
    return;
  }
  if (options.cancel !== undefined) {
    const path = `/maintenance/${encodeURIComponent(options.cancel)}/cancel`;
    print(context, [await callControl(control, { method: 'POST', path }, maintenanceSchema)], options);
    return;
  }
  const body = {
    target,
    by: options.by,
    type: options.type,
    noticeMs: durationOption('--notice', options.notice),
    durationSeconds: wholeSecondsOption('--duration', options.duration),
  };
  print(
    context,
    [await callControl(control, { method: 'POST', path: '/maintenance', body }, maintenanceSchema)],
    options,
  );
}

function print(
  context: CommandContext,
  found: readonly z.output<typeof maintenanceSchema>[],
  options: CommonOptions,
): void {
  if (options.json === true) {
    context.terminal.print(JSON.stringify(found, undefined, 2));
    return;
  }
  const rows = found.flatMap((sequence) =>
    sequence.steps.map((step) => [
      sequence.id,
      `${sequence.type} of ${sequence.target}, ${sequence.state}`,
      `${sequence.by} ${step.domain}`,
      step.state,
      step.vms.join(' '),
    ]),
  );
  context.terminal.print(formatTable(['ID', 'MAINTENANCE', 'DOMAIN', 'STATE', 'VMS'], rows, 'no maintenance'));
}
