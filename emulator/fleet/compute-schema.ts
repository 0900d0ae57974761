import path from 'node:path';
import { z } from 'zod';
import { isLoopback, listenAddressSchema, type ListenAddress } from '../../common/runtime/listen.ts';

/** The key `compute` of a fleet file: the API of Azure Resource Manager with which users restart and delete VMs. */
export const computeSchema = z.strictObject({
  /** TLS, with a certificate of the emulator's own authority; port 0 takes any free one. */
  listen: listenAddressSchema.refine((address) => isLoopback(address.host), {
    error: 'expected a loopback address: whoever reaches the compute API may delete VMs, and any token will do',
  }),
  /** Where the authority's certificate is written, relative to the fleet file; empty = a temporary file, see the ready line. */
  caFile: z.string().default(''),
});

export interface ComputeSettings {
  readonly listen: ListenAddress;
  /** Absolute; undefined = a temporary one. */
  readonly caFile: string | undefined;
}

/** `folder` is the one that the fleet file is in. */
export function computeOf(
  settings: z.output<typeof computeSchema> | undefined,
  folder: string,
): ComputeSettings | undefined {
  if (settings === undefined) return undefined;
  return {
    listen: settings.listen,
    caFile: settings.caFile === '' ? undefined : path.resolve(folder, settings.caFile),
  };
}
