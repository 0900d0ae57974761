import { z } from 'zod';
import { anyCase } from '../../api/any-case.ts';
import { secretText } from '../../secrets/secret.ts';
import type { Authentication } from './definition.ts';

/** Longest user name or password; servers refuse longer headers. */
const MAX_CHARACTERS = 2048;

/** `authentication` in a request ("Scheduler Outbound Authentication"). */
export const authenticationBodySchema = z.strictObject({
  type: anyCase(['Basic']),
  // RFC 7617: a colon would be where the password begins.
  username: z
    .string()
    .min(1)
    .max(MAX_CHARACTERS)
    .regex(/^[^:]*$/, { error: 'expected a user name without a colon' }),
  password: secretText(MAX_CHARACTERS),
});

export function toAuthentication(wanted: z.output<typeof authenticationBodySchema>): Authentication {
  return wanted;
}
