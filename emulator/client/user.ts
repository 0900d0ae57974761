import { z } from 'zod';
import type { CommandContext } from '../../common/runtime/command.ts';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import { COMPUTE_VERBS } from '../compute/target.ts';
import { eventViewSchema, nothingSchema } from './answers.ts';
import { callControl, controlApi } from './control-client.ts';
import type { CommonOptions } from './options.ts';
import { fullEventId } from './verbs.ts';

/** What the control API says of a user's operation. */
export const operatedSchema = z.looseObject({ event: eventViewSchema.nullable() });

/** `forewarn emulator approve EVENT --by VM` */
export async function approveEvent(
  context: CommandContext,
  id: string,
  options: CommonOptions & { readonly by: string },
): Promise<void> {
  const control = await controlApi(context, options);
  const eventId = await fullEventId(control, id);
  const path = `/events/${encodeURIComponent(eventId)}/approve`;
  await callControl(control, { method: 'POST', path, body: { by: options.by } }, nothingSchema);
  const { by } = options;
  context.terminal.print(
    options.json === true ? JSON.stringify({ eventId, by }) : `event ${eventId} approved by ${by}`,
  );
}

/** `forewarn emulator operate VERB VM` */
export async function operate(
  context: CommandContext,
  wanted: { readonly verb: string; readonly vm: string },
  options: CommonOptions,
): Promise<void> {
  const verb = COMPUTE_VERBS.find((known) => known.toLowerCase() === wanted.verb.toLowerCase());
  if (verb === undefined) {
    const message = `expected ${COMPUTE_VERBS.join(', ')}; got ${JSON.stringify(wanted.verb)}`;
    throw new UserError('UNKNOWN_VERB', message, { exitStatus: EXIT_USAGE });
  }
  const control = await controlApi(context, options);
  const body = { verb, vm: wanted.vm };
  const answer = await callControl(control, { method: 'POST', path: '/operations', body }, operatedSchema);
  const { event } = answer;
  const said =
    event === null
      ? `${verb} of ${wanted.vm}: done, and nothing announces it`
      : `${verb}: ${event.type} of ${event.resources.join(', ')}, not before ${event.notBefore ?? 'now'}: event ${event.eventId}`;
  context.terminal.print(options.json === true ? JSON.stringify(answer, undefined, 2) : said);
}
