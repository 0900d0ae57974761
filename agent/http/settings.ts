import { z } from 'zod';
import { listenAddressSchema } from '../../common/runtime/listen.ts';

/** Setting `http`: the agent's pages over TCP, besides the Unix socket that is always there. */
export const httpSchema = z.strictObject({
  listen: listenAddressSchema,
  /** A file with the secret that requests must show; without it nothing may be changed, and only loopback is listened on. */
  tokenFile: z.string().min(1).optional(),
  /** `/metrics` for Prometheus; false saves its library's memory. */
  metrics: z.boolean().default(true),
});
export type HttpSettings = z.output<typeof httpSchema>;
