import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { describeError, EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';

/** A shorter secret could be guessed by asking. */
const MIN_TOKEN_LENGTH = 16;
/** Node refuses a header of 16 KiB; anything near that is another file. */
const MAX_TOKEN_LENGTH = 1024;
/** Permission of a file's other users to read it. */
const OTHERS_READ = 0o004;

/** What whoever uses the control API has to show. */
export interface ControlToken {
  /** Whether a request with this `Authorization` header (undefined = none) may pass. Takes the same time for every wrong one. */
  admits(authorization: string | undefined): boolean;
}

export function controlToken(secret: string): ControlToken {
  const wanted = digest(secret);
  return {
    admits: (authorization) => {
      const match = /^Bearer +(\S+) *$/i.exec(authorization ?? '');
      // Hashes, because they have one length: comparing the texts would tell how long the secret is.
      return timingSafeEqual(digest(match?.[1] ?? ''), wanted) && match !== null;
    },
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/**
 * The secret in a file, without the white space around it. Throws a `UserError` that names `setting` for a file that cannot be
 * read or holds no usable secret; what the file holds is in no message.
 */
export async function readTokenFile(file: string, setting: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw tokenError(`${setting}: cannot read ${file}: ${describeError(error)}`, error);
  }
  const secret = text.trim();
  if (secret === '') throw tokenError(`${setting}: expected a secret in ${file}, and it is empty`);
  if (/^[\x21-\x7e]+$/.test(secret) && secret.length >= MIN_TOKEN_LENGTH && secret.length <= MAX_TOKEN_LENGTH) {
    return secret;
  }
  const wanted = `${MIN_TOKEN_LENGTH} to ${MAX_TOKEN_LENGTH} printable characters without spaces`;
  throw tokenError(`${setting}: expected a secret of ${wanted} in ${file}`);
}

/** Only a warning: the secret files of Docker and Kubernetes are readable by all in their container. */
export async function isReadableByOthers(file: string): Promise<boolean> {
  // Windows has no such bits, and says that everyone may.
  return process.platform !== 'win32' && ((await stat(file)).mode & OTHERS_READ) !== 0;
}

function tokenError(message: string, cause?: unknown): UserError {
  const hint = 'make one with: (umask 077; openssl rand -hex 32 > FILE)';
  return new UserError('BAD_TOKEN_FILE', message, { hint, exitStatus: EXIT_USAGE, cause });
}
