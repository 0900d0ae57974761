import { z } from 'zod';
import { formatAddress, isLoopback, listenAddressSchema, type ListenAddress } from '../../common/runtime/listen.ts';

/** Each is a socket in every VM's network. */
const MAX_FORWARDED = 32;

/** `127.0.0.1:7080`, or the URL of a server there, which is what a setting of a VM's program usually holds. */
const forwardedSchema = z
  .string()
  .transform((text) => /^https?:\/\/([^/?#]+)\/?$/.exec(text)?.[1] ?? text)
  .pipe(listenAddressSchema)
  .refine(({ host, port }) => isLoopback(host) && port > 0, {
    error:
      'expected an address of loopback with its port, like "127.0.0.1:7080": what is elsewhere is not hidden from VMs',
  });

/**
 * The key `forward` of a fleet file: addresses of this machine's loopback (a scheduler, a database) that VMs with a network of
 * their own reach under the same address. With `network: loopback` they do so anyway.
 */
export const forwardSchema = z
  .array(forwardedSchema)
  .max(MAX_FORWARDED)
  .default([])
  .transform((found): readonly ListenAddress[] => [
    ...new Map(found.map((address) => [formatAddress(address), address])).values(),
  ]);
