import { z } from 'zod';
import { durationSchema } from '../../common/runtime/duration.ts';
import { PHASES } from './phases.ts';

const text = z.string().min(1);
const webUrl = text.refine((value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol), {
  error: (issue) => `expected an address like "https://hooks.example.com/x", got ${JSON.stringify(issue.input)}`,
});

/** Who is told, and what is sent. Secrets are read from files, because settings are shown and copied. */
const targetSchema = z
  .strictObject({
    url: webUrl.optional(),
    /** A file with the address, for services whose address is the secret. */
    urlFile: text.optional(),
    /** A file with the value of the Authorization header. */
    authorizationFile: text.optional(),
    phases: z.array(z.enum(PHASES)).optional(),
    /** Any JSON; `{field}` in its texts is replaced. */
    body: z.json().optional(),
    /** `none`: straight, whatever the environment says; without the key the environment's HTTPS_PROXY counts. */
    proxy: z.union([z.literal('none'), webUrl]).optional(),
    timeout: durationSchema.default(10_000),
  })
  .refine((target) => (target.url === undefined) !== (target.urlFile === undefined), {
    path: ['url'],
    error: 'expected either url or urlFile',
  });

export const notificationsSchema = z.array(targetSchema).max(16).default([]);
export type NotificationTarget = z.output<typeof targetSchema>;
