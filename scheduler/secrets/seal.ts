import { createCipheriv, createDecipheriv } from 'node:crypto';
import { randomText } from '../../common/runtime/random.ts';
import type { KeyRing } from './key-ring.ts';

/**
 * AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D, 8.2.2: at most 2^32 texts a key, which no scheduler stores).
 */
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const FORM = /^v1\.([0-9a-f]{8})\.([\w-]+)$/;

/** A secret cannot be sealed or opened; the message says which key is missing, and nothing of the secret. */
export class SealError extends Error {
  readonly code: 'NO_KEY' | 'KEY_MISSING' | 'SEAL_BROKEN';

  constructor(code: SealError['code'], message: string) {
    super(message);
    this.name = 'SealError';
    this.code = code;
  }
}

/**
 * `v1.KEY.BYTES`: nonce, text and tag under the newest key. `place` says where it is kept (table, column, row, field): sealed
 * for one place it opens in no other, so that whoever can write to the database cannot move a secret to a job of his own.
 */
export function seal(ring: KeyRing, text: string, place: string): { readonly sealed: string; readonly keyId: string } {
  const key = ring.newest();
  if (key === undefined) throw new SealError('NO_KEY', 'this scheduler has no key to keep secrets with');
  const nonce = Buffer.from(randomText(NONCE_BYTES), 'base64url');
  const cipher = createCipheriv(CIPHER, key.bytes, nonce).setAAD(Buffer.from(place));
  const bytes = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return { sealed: `v1.${key.id}.${bytes.toString('base64url')}`, keyId: key.id };
}

/** What `seal` was given. Throws a `SealError`. */
export function unseal(ring: KeyRing, sealed: string, place: string): string {
  const [, id, text] = FORM.exec(sealed) ?? [];
  if (id === undefined || text === undefined) throw broken();
  const key = ring.find(id);
  if (key === undefined) throw new SealError('KEY_MISSING', `the key ${id} that a secret is sealed with is not there`);
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length < NONCE_BYTES + TAG_BYTES) throw broken();
  try {
    const decipher = createDecipheriv(CIPHER, key.bytes, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(place))
      .setAuthTag(bytes.subarray(-TAG_BYTES));
    return decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
  } catch {
    throw broken();
  }
}

function broken(): SealError {
  return new SealError('SEAL_BROKEN', 'a stored secret was changed, or belongs elsewhere');
}
