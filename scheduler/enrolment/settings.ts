import { z } from 'zod';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import { isLoopback, type ListenAddress } from '../../common/runtime/listen.ts';

export const agentsSchema = z.strictObject({ enrolment: z.enum(['required', 'optional']).optional() }).default({});

/**
 * Whether agents must prove which VM they are. They must wherever others than this machine's users can connect; a scheduler
 * on loopback asks for it only when it is told to. Throws a `UserError` for one that would let anybody promise for any VM.
 */
export function isEnrolmentRequired(agents: z.output<typeof agentsSchema>, listen: ListenAddress): boolean {
  const isLocal = isLoopback(listen.host);
  if (agents.enrolment === 'optional' && !isLocal) {
    throw new UserError(
      'ENROLMENT_NEEDED',
      'the setting agents.enrolment is "optional", but others than this machine can connect: any of them could promise for any VM',
      { hint: 'leave it out, or say "required"', exitStatus: EXIT_USAGE },
    );
  }
  return agents.enrolment === undefined ? !isLocal : agents.enrolment === 'required';
}
