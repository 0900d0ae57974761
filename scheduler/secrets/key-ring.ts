import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describeError, EXIT_USAGE, systemErrorCode, UserError } from '../../common/runtime/errors.ts';
import { randomText } from '../../common/runtime/random.ts';

/** AES-256. */
export const KEY_BYTES = 32;

/** More keys than anybody has rotated through; a longer file is another file. */
const MAX_KEYS = 100;

/** A key and the name under which sealed texts refer to it: the first eight hex digits of its SHA-256. */
export interface SecretKey {
  readonly id: string;
  readonly bytes: Buffer;
}

/** The keys of this scheduler. The first seals, all of them open. */
export interface KeyRing {
  /** Undefined: there is no key, and nothing can be sealed. */
  readonly newest: () => SecretKey | undefined;
  readonly find: (id: string) => SecretKey | undefined;
}

export const NO_KEYS: KeyRing = { newest: () => undefined, find: () => undefined };

export function newKey(): SecretKey {
  return keyOf(Buffer.from(randomText(KEY_BYTES), 'base64url'));
}

function keyOf(bytes: Buffer): SecretKey {
  return { id: createHash('sha256').update(bytes).digest('hex').slice(0, 8), bytes };
}

/** The keys in a file's text, one a line, as hex or base64, the newest first; `#` begins a comment. Undefined when it is no such text. */
export function parseKeys(text: string): readonly SecretKey[] | undefined {
  const lines = text
    .split('\n')
    .map((line) => line.replace(/#.*$/, '').trim())
    .filter((line) => line !== '');
  if (lines.length === 0 || lines.length > MAX_KEYS) return undefined;
  const keys = lines.map((line) => Buffer.from(line, /^[0-9a-f]{64}$/i.test(line) ? 'hex' : 'base64'));
  return keys.every((key) => key.length === KEY_BYTES) ? keys.map(keyOf) : undefined;
}

export function formatKeys(keys: readonly SecretKey[]): string {
  return `${keys.map((key) => key.bytes.toString('base64')).join('\n')}\n`;
}

/** Throws a `UserError` that names `setting` for a file that cannot be read or holds no keys; what it holds is in no message. */
export function readKeys(file: string, setting: string): readonly SecretKey[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw keyFileError(
      `${setting}: cannot read ${file}: ${describeError(error)}`,
      systemErrorCode(error) === 'ENOENT' ? 'forewarn scheduler rotate-key makes one' : undefined,
      error,
    );
  }
  const keys = parseKeys(text);
  if (keys !== undefined) return keys;
  throw keyFileError(
    `${setting}: expected keys of ${KEY_BYTES} bytes as base64 or hex in ${file}, one a line`,
    'make one with: (umask 077; openssl rand -base64 32 > FILE)',
  );
}

/**
 * The keys of a file. A name that is not among them makes it read the file again: another replica may have begun to use a key
 * that was added after this one started.
 */
export function fileKeyRing(file: string, setting: string): KeyRing {
  let keys = readKeys(file, setting);
  const known = (id: string): SecretKey | undefined => keys.find((key) => key.id === id);
  return {
    newest: () => keys[0],
    find: (id) => {
      const found = known(id);
      if (found !== undefined) return found;
      keys = readKeys(file, setting);
      return known(id);
    },
  };
}

function keyFileError(message: string, hint?: string, cause?: unknown): UserError {
  return new UserError('BAD_KEY_FILE', message, {
    ...(hint === undefined ? {} : { hint }),
    exitStatus: EXIT_USAGE,
    cause,
  });
}
