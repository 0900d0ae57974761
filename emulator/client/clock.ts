import { z } from 'zod';
import type { CommandContext } from '../../common/runtime/command.ts';
import { parseDurationOrUndefined } from '../../common/runtime/duration.ts';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import { callControl, controlApi } from './control-client.ts';
import type { CommonOptions } from './options.ts';

const clockSchema = z.looseObject({ now: z.string(), nowMs: z.number(), kind: z.string() });

/** `forewarn emulator clock [advance DURATION]` */
export async function showClock(
  context: CommandContext,
  wanted: { readonly verb: string | undefined; readonly by: string | undefined },
  options: CommonOptions,
): Promise<void> {
  const advanceMs = stepOf(wanted);
  const control = await controlApi(context, options);
  const view =
    advanceMs === undefined
      ? await callControl(control, { method: 'GET', path: '/clock' }, clockSchema)
      : await callControl(control, { method: 'POST', path: '/clock', body: { advanceMs } }, clockSchema);
  context.terminal.print(options.json === true ? JSON.stringify(view) : `${view.now} (${view.kind} clock)`);
}

function stepOf(wanted: { readonly verb: string | undefined; readonly by: string | undefined }): number | undefined {
  if (wanted.verb === undefined) return undefined;
  const ms = wanted.verb === 'advance' ? parseDurationOrUndefined(wanted.by ?? '') : undefined;
  if (ms !== undefined) return ms;
  const got = [wanted.verb, wanted.by].filter((part) => part !== undefined).join(' ');
  const message = `expected nothing, or "advance" and a duration like 15m, got ${JSON.stringify(got)}`;
  throw new UserError('BAD_DURATION', message, { exitStatus: EXIT_USAGE });
}
