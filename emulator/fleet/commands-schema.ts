import { z } from 'zod';
import { durationSchema } from '../../common/runtime/duration.ts';

/** What may be done to a VM of `host: command`, each by a command of the operator. */
export const HOST_VERBS = ['freeze', 'thaw', 'reboot', 'redeploy', 'terminate', 'start'] as const;
export type HostVerb = (typeof HOST_VERBS)[number];

const commandSchema = z.array(z.string().min(1)).min(1).optional();

/**
 * The key `commands` of a fleet file, for `host: command`: programs and their arguments, without a shell. `{vm}` in an
 * argument is the VM's name. What is left out only passes time.
 */
export const commandsSchema = z.strictObject({
  /** Stops the VM as a live migration does; it is to return at once. */
  freeze: commandSchema,
  /** Lets it go on. */
  thaw: commandSchema,
  /** Returns when the VM boots again. */
  reboot: commandSchema,
  /** The same, with its temporary disk lost. */
  redeploy: commandSchema,
  /** The VM was preempted, terminated, deleted or stopped: only `start` brings it back. */
  terminate: commandSchema,
  /** A VM that is new, because a role was scaled out or a deployment uploaded, or that its user starts again. */
  start: commandSchema,
  /** A command that takes longer is killed, and has failed. */
  timeLimit: durationSchema.default(60_000).refine((ms) => ms >= 100, { error: 'expected at least 100ms' }),
});
export type HostCommands = z.output<typeof commandsSchema>;
