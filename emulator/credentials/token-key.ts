import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  sign,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';

/** The public half of a signing key, as a JSON Web Key Set has it (RFC 7517). */
export interface PublishedKey {
  readonly kty: 'RSA';
  readonly use: 'sig';
  readonly alg: 'RS256';
  readonly kid: string;
  readonly n: string;
  readonly e: string;
}

/** A key that signs tokens. */
export interface TokenKey {
  readonly published: PublishedKey;
  /** What it is made of again after a restart, as PEM. */
  readonly privateKey: string;
  /** A JSON Web Token (RFC 7519) over these claims, signed with RS256. */
  sign(claims: Readonly<Record<string, unknown>>): string;
}

const RSA_BITS = 2048;

/** `kept` is of an earlier run. */
export async function createTokenKey(kept?: string): Promise<TokenKey> {
  const privateKey = kept === undefined ? await newPrivateKey() : createPrivateKey(kept);
  const published = publish(createPublicKey(privateKey).export({ format: 'jwk' }));
  const header = encode({ typ: 'JWT', alg: 'RS256', kid: published.kid });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { published, privateKey: pem, sign: (claims) => signed(`${header}.${encode(claims)}`, privateKey) };
}

async function newPrivateKey(): Promise<KeyObject> {
  return (await promisify(generateKeyPair)('rsa', { modulusLength: RSA_BITS })).privateKey;
}

function publish(key: JsonWebKey): PublishedKey {
  const { n = '', e = '' } = key;
  // The key's thumbprint (RFC 7638), so that it has one name wherever it is seen.
  const kid = createHash('sha256').update(`{"e":"${e}","kty":"RSA","n":"${n}"}`).digest('base64url');
  return { kty: 'RSA', use: 'sig', alg: 'RS256', kid, n, e };
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function signed(text: string, key: KeyObject): string {
  return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
}
