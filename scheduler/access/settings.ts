import path from 'node:path';
import { z } from 'zod';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import { formatAddress, isLoopback, type ListenAddress } from '../../common/runtime/listen.ts';

export const accessSchema = z
  .strictObject({
    loopback: z.enum(['open', 'token']).default('token'),
    ownerTokenFile: z.string().min(1).optional(),
  })
  .default({ loopback: 'token' });

/** `off` is the operator's word that a proxy or a tunnel does it. */
export const tlsSchema = z
  .union([
    z.strictObject({ certificate: z.string().min(1), key: z.string().min(1) }),
    z.literal('off', { error: 'expected certificate and key, or off' }),
  ])
  .optional();

export interface AccessSettings {
  /** Whoever can connect may do everything. */
  readonly isOpen: boolean;
  readonly ownerTokenFile: string | undefined;
}

export interface TlsSettings {
  readonly certificate: string;
  readonly key: string;
}

/**
 * Who may use the scheduler, and whether it is on TLS. Throws a `UserError` for settings that would serve others than this
 * machine's users without a token or in clear text, and for ones under which nobody could use it.
 */
export function accessOf(
  raw: {
    readonly listen: ListenAddress;
    readonly hosts: readonly string[];
    readonly access: z.output<typeof accessSchema>;
    readonly tls?: z.output<typeof tlsSchema>;
  },
  folder: string,
): { readonly access: AccessSettings; readonly tls: TlsSettings | undefined } {
  const { listen, access, tls } = raw;
  const isLocal = isLoopback(listen.host);
  const ownerTokenFile = access.ownerTokenFile === undefined ? undefined : path.resolve(folder, access.ownerTokenFile);
  const isOpen = isLocal && access.loopback === 'open';
  if (ownerTokenFile === undefined && !isOpen) {
    throw refused(
      isLocal
        ? 'the settings give nobody access: there is no owner, and access without a token was not asked for'
        : `the setting listen is ${formatAddress(listen)}, where others can connect, and there is no owner's token`,
      isLocal
        ? 'access: { ownerTokenFile: owner.token } names one, access: { loopback: open } lets everybody on this machine in'
        : 'give access.ownerTokenFile a file that holds one: (umask 077; openssl rand -hex 32 > owner.token)',
    );
  }
  if (!isLocal && tls === undefined) {
    throw refused(
      `the setting listen is ${formatAddress(listen)}: beyond this machine tokens must not travel in clear text`,
      'give tls a certificate and a key, or say "off" where a proxy or a tunnel does it',
    );
  }
  if (!isLocal && isWildcard(listen.host) && raw.hosts.length === 0) {
    throw refused(
      `the setting listen is ${formatAddress(listen)}, every address of this machine, and hosts does not say what clients call it`,
      'give hosts the names, with the port unless that is 80 or 443: hosts: [jobs.example:7443]',
    );
  }
  return {
    access: { isOpen, ownerTokenFile },
    tls:
      tls === undefined || tls === 'off'
        ? undefined
        : { certificate: path.resolve(folder, tls.certificate), key: path.resolve(folder, tls.key) },
  };
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function refused(message: string, hint: string): UserError {
  return new UserError('ACCESS_NOT_SET', message, { hint, exitStatus: EXIT_USAGE });
}
