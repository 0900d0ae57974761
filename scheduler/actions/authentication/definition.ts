import { z } from 'zod';
import { secretSchema } from '../../secrets/secret.ts';

/** How an HTTP action proves who it is, as stored. Secrets are not in what is shown (see `Secret`). */
export const authenticationSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Basic'), username: z.string(), password: secretSchema }),
]);
export type Authentication = z.output<typeof authenticationSchema>;
