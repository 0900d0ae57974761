import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { EXIT_USAGE, systemErrorCode, UserError } from '../../common/runtime/errors.ts';
import type { ListenAddress } from '../../common/runtime/listen.ts';
import type { Authority, Certified } from '../credentials/authority.ts';
import type { ControlTlsSettings } from '../fleet/control-tls-schema.ts';

/**
 * What the control API shows on TLS; undefined for plain HTTP. Throws a `UserError` that names the setting for a file that
 * cannot be used.
 */
export async function controlCertificate(
  settings: ControlTlsSettings,
  place: { readonly listen: ListenAddress; readonly hosts: readonly string[] },
  authority: () => Promise<Authority>,
): Promise<Certified | undefined> {
  switch (settings.kind) {
    case 'none':
      return undefined;
    case 'files':
      return await readCertified(settings.certificate, settings.key);
    case 'own': {
      const own = await authority();
      await writeCertificate(settings.caFile, own.certificate);
      return await own.issue(namesOf(place.listen, place.hosts));
    }
    default:
      return settings satisfies never;
  }
}

/** Both are looked at here, because what TLS says of a bad one helps nobody. */
async function readCertified(certificateFile: string, keyFile: string): Promise<Certified> {
  const certificate = await readOr(certificateFile, 'controlTls.certificate');
  const key = await readOr(keyFile, 'controlTls.key');
  const parsed = orError(`controlTls.certificate: expected a certificate as PEM in ${certificateFile}`, () => {
    return new X509Certificate(certificate);
  });
  const privateKey = orError(`controlTls.key: expected a private key as PEM, without a passphrase, in ${keyFile}`, () =>
    createPrivateKey(key),
  );
  if (parsed.checkPrivateKey(privateKey)) return { certificate, key };
  throw tlsError(`controlTls.key: the key in ${keyFile} is not that of the certificate in ${certificateFile}`);
}

async function readOr(file: string, setting: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw tlsError(`${setting}: cannot read ${file} (${systemErrorCode(error) ?? 'failed'})`, error);
  }
}

async function writeCertificate(file: string, certificate: string): Promise<void> {
  try {
    await writeFile(file, certificate);
  } catch (error) {
    throw tlsError(`controlTls.caFile: cannot write ${file} (${systemErrorCode(error) ?? 'failed'})`, error);
  }
}

function orError<Found>(message: string, work: () => Found): Found {
  try {
    return work();
  } catch (error) {
    throw tlsError(message, error);
  }
}

function tlsError(message: string, cause?: unknown): UserError {
  return new UserError('BAD_TLS_FILE', message, { exitStatus: EXIT_USAGE, cause });
}

/** Every name that `control-guard.ts` knows it by, as far as a certificate can say now. */
function namesOf(listen: ListenAddress, hosts: readonly string[]): readonly string[] {
  const isEverywhere = listen.host === '0.0.0.0' || listen.host === '::';
  const own = isEverywhere
    ? Object.values(networkInterfaces()).flatMap((found) => (found ?? []).map(({ address }) => address))
    : [listen.host];
  const named = hosts.map((host) => host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1'));
  return [...new Set(['localhost', '127.0.0.1', '::1', ...own, ...named])];
}
