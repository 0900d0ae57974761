import { z } from 'zod';

/**
 * What a job wants done when its occurrences cannot run in order and on time. A superset of the real service, which made up
 * for one missed occurrence and let runs overlap: the defaults here.
 */
export const runChoicesSchema = z.strictObject({
  /** Occurrences that were due while no scheduler ran: none, the oldest one, or all are made up for. */
  missed: z.enum(['skip', 'once', 'all']).optional(),
  /** An occurrence that is due while the one before it is not over: left out, one waits, both run, or the old one is ended. */
  overlap: z.enum(['skip', 'queue', 'allow', 'cancel']).optional(),
  /** How long after its time an occurrence or a retry of it may still start; a .NET TimeSpan. Absent: at any time. */
  window: z.string().optional(),
});
export type RunChoices = z.output<typeof runChoicesSchema>;
