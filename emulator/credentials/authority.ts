import { generateKeyPair, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';

/** A certificate and its key, as PEM. */
export interface Certified {
  readonly certificate: string;
  readonly key: string;
}

/** The emulator's own certificate authority. It lives as long as the emulator's state: nobody is to trust it for longer. */
export interface Authority {
  /** What it is made of again after a restart. */
  readonly root: Certified;
  /** Its certificate, as PEM: what clients are to trust. */
  readonly certificate: string;
  /** A certificate for a server with these DNS names and IP addresses. */
  issue(names: readonly string[]): Promise<Certified>;
}

/** Longer than any run; and begins a day early, for clients whose clock is behind. */
const VALID_DAYS = 30;
const DAY_MS = 86_400_000;
/** What every TLS client takes; made by OpenSSL in about 0.1 s. */
const RSA_BITS = 2048;

/** `now` in epoch milliseconds; `kept` is of an earlier run. The library for certificates is loaded only here. */
export async function createAuthority(now: number, kept?: Certified): Promise<Authority> {
  const { default: forge } = await import('node-forge');
  const subject = [{ name: 'commonName', value: 'Forewarn emulator CA' }];
  let serial = now;
  const build = async (options: {
    readonly subject: readonly { readonly name: string; readonly value: string }[];
    readonly extensions: object[];
    readonly signWith: string | undefined;
  }): Promise<Certified> => {
    const pair = await newKeyPair();
    const certificate = forge.pki.createCertificate();
    certificate.publicKey = forge.pki.publicKeyFromPem(pair.publicKey);
    // A positive number (RFC 5280, 4.1.2.2): the leading zero keeps the first bit clear.
    certificate.serialNumber = `0${(serial++).toString(16)}`;
    certificate.validity.notBefore = new Date(now - DAY_MS);
    certificate.validity.notAfter = new Date(now + VALID_DAYS * DAY_MS);
    certificate.setSubject([...options.subject]);
    certificate.setIssuer(subject);
    certificate.setExtensions(options.extensions);
    certificate.sign(forge.pki.privateKeyFromPem(options.signWith ?? pair.privateKey), forge.md.sha256.create());
    return { certificate: forge.pki.certificateToPem(certificate), key: pair.privateKey };
  };
  const known = kept !== undefined && lastsLongEnough(kept.certificate, now) ? kept : undefined;
  const root =
    known ??
    (await build({
      subject,
      extensions: [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
        { name: 'subjectKeyIdentifier' },
      ],
      signWith: undefined,
    }));
  return {
    root,
    certificate: root.certificate,
    issue: async (names) =>
      await build({
        subject: [{ name: 'commonName', value: names[0] ?? 'localhost' }],
        extensions: [
          { name: 'basicConstraints', cA: false },
          { name: 'keyUsage', digitalSignature: true, keyEncipherment: true },
          // The second for those who verify signed documents as OpenSSL does by default: as if they were mail.
          { name: 'extKeyUsage', serverAuth: true, emailProtection: true },
          {
            name: 'subjectAltName',
            altNames: names.map((name) => (isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name })),
          },
        ],
        signWith: root.key,
      }),
  };
}

/** A whole run's worth is left of it, or nearly. */
function lastsLongEnough(certificate: string, now: number): boolean {
  return Date.parse(new X509Certificate(certificate).validTo) - now > (VALID_DAYS / 2) * DAY_MS;
}

async function newKeyPair(): Promise<{ readonly publicKey: string; readonly privateKey: string }> {
  return await promisify(generateKeyPair)('rsa', {
    modulusLength: RSA_BITS,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}
