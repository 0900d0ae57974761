import { isIP, type Server } from 'node:net';
import { z } from 'zod';
import { EXIT_USAGE, systemErrorCode, UserError } from './errors.ts';

/** Where a server listens. Port 0 lets the system choose; what it chose is in `listen`'s answer. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** A settings key that holds an address and a port: `127.0.0.1:8080` or `[::1]:8080`. Port 0 means any free port. */
export const listenAddressSchema = z.string().transform((text, context): ListenAddress => {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([0-9.]+)|localhost):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '127.0.0.1';
  const port = Number(match?.[3]);
  if (match === null || isIP(host) === 0 || port > 65_535) {
    context.addIssue({
      code: 'custom',
      message: `expected an address and a port like "127.0.0.1:8080", got ${JSON.stringify(text)}`,
    });
    return z.NEVER;
  }
  return { host, port };
});

/** True for addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === '::1' || host === 'localhost' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** `127.0.0.1:80`, `[::1]:80`. */
export function formatAddress(address: ListenAddress): string {
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
}

/**
 * Starts listening and resolves with the real address. A port in use, a missing permission or an address that is not this
 * machine's becomes a `UserError` (`LISTEN_FAILED`) that names the address and `setting`, the key an operator would change.
 */
export async function listen(
  server: ListenableServer,
  address: ListenAddress,
  setting: string,
): Promise<ListenAddress> {
  await new Promise<void>((resolve, reject) => {
    const onError = (error: Error): void => {
      reject(listenError(error, address, setting));
    };
    server.once('error', onError);
    server.listen({ host: address.host, port: address.port }, () => {
      server.off('error', onError);
      resolve();
    });
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('a server that listens on TCP has no TCP address');
  return { host: bound.address, port: bound.port };
}

/** What `listen` needs of a server; `node:http` servers are `node:net` servers. */
export type ListenableServer = Pick<Server, 'once' | 'off' | 'listen' | 'address'>;

function listenError(error: Error, address: ListenAddress, setting: string): UserError {
  const where = formatAddress(address);
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${address.port} on ${address.host} is in use by another program`,
    EACCES: `this user may not listen on port ${address.port}`,
    EADDRNOTAVAIL: `${address.host} is not an address of this machine`,
  };
  const reason = reasons[systemErrorCode(error) ?? ''] ?? error.message;
  return new UserError('LISTEN_FAILED', `cannot listen on ${where} (setting ${setting}): ${reason}`, {
    hint: `stop the other program, or give ${setting} another port (0 takes any free one)`,
    exitStatus: EXIT_USAGE,
    cause: error,
  });
}
