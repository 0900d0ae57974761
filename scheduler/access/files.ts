import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { describeError, EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { TlsSettings } from './settings.ts';

/** A shorter secret could be guessed by asking; a longer one is another file. */
const MIN_TOKEN_LENGTH = 16;
const MAX_TOKEN_LENGTH = 1024;
/** Permission of a file's other users to read it. */
const OTHERS_READ = 0o004;

/** The owner's secret. Throws a `UserError` for a file that holds none; what the file holds is in no message. */
export async function readOwnerToken(file: string, log: Log): Promise<string> {
  const text = (await readOr(file, 'access.ownerTokenFile', 'BAD_TOKEN_FILE')).trim();
  if (!/^[\x21-\x7e]+$/.test(text) || text.length < MIN_TOKEN_LENGTH || text.length > MAX_TOKEN_LENGTH) {
    throw new UserError(
      'BAD_TOKEN_FILE',
      `access.ownerTokenFile: expected a secret of ${MIN_TOKEN_LENGTH} to ${MAX_TOKEN_LENGTH} printable characters without spaces in ${file}`,
      { hint: 'make one with: (umask 077; openssl rand -hex 32 > FILE)', exitStatus: EXIT_USAGE },
    );
  }
  // Only a warning: the secret files of Docker and Kubernetes are readable by all in their container.
  if (((await stat(file)).mode & OTHERS_READ) !== 0 && process.platform !== 'win32') {
    log.warn({ file }, "every user of this machine can read the owner's token; chmod 600 mends it");
  }
  return text;
}

/** Certificate and key as PEM. Both are looked at here, because what TLS says of a bad one helps nobody. */
export async function readCertified(settings: TlsSettings): Promise<{ readonly cert: string; readonly key: string }> {
  const cert = await readOr(settings.certificate, 'tls.certificate', 'BAD_TLS_FILE');
  const key = await readOr(settings.key, 'tls.key', 'BAD_TLS_FILE');
  const parsed = orRefuse(`tls.certificate: expected a certificate as PEM in ${settings.certificate}`, () => {
    return new X509Certificate(cert);
  });
  const privateKey = orRefuse(`tls.key: expected a private key as PEM, without a passphrase, in ${settings.key}`, () =>
    createPrivateKey(key),
  );
  if (parsed.checkPrivateKey(privateKey)) return { cert, key };
  throw badTls(`tls.key: the key in ${settings.key} is not that of the certificate in ${settings.certificate}`);
}

async function readOr(file: string, setting: string, code: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UserError(code, `${setting}: cannot read ${file}: ${describeError(error)}`, {
      exitStatus: EXIT_USAGE,
      cause: error,
    });
  }
}

function orRefuse<Found>(message: string, work: () => Found): Found {
  try {
    return work();
  } catch (error) {
    throw badTls(message, error);
  }
}

function badTls(message: string, cause?: unknown): UserError {
  return new UserError('BAD_TLS_FILE', message, { exitStatus: EXIT_USAGE, cause });
}
