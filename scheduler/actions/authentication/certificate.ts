import { X509Certificate } from 'node:crypto';
import { formatMs } from '../../jobs/instant.ts';
import { Secret } from '../../secrets/secret.ts';

/** A certificate that was sent with its key; reading it needed its password, which is not kept. */
export class Certificate {
  readonly secret: Secret;
  readonly #leaf: X509Certificate;

  /** `certificates`: PEM, that of the key first. */
  constructor(key: string, certificates: readonly [string, ...string[]]) {
    this.secret = Secret.of([key, ...certificates].map((pem) => pem.trim()).join('\n'));
    this.#leaf = new X509Certificate(certificates[0]);
  }

  /** What answers tell of it. */
  shown(): {
    readonly certificateThumbprint: string;
    readonly certificateSubjectName: string;
    readonly certificateExpiration: string;
    readonly certificateExpirationDate: string;
  } {
    const expiration = formatMs(this.#leaf.validToDate.getTime());
    return {
      certificateThumbprint: this.#leaf.fingerprint.replaceAll(':', ''),
      // As .NET writes it: the most particular part first.
      certificateSubjectName: this.#leaf.subject.split('\n').toReversed().join(', '),
      certificateExpiration: expiration,
      certificateExpirationDate: expiration,
    };
  }

  toJSON(): undefined {
    return undefined;
  }
}

/** Key and certificates in the stored text; `cert` is the chain. */
export function openCertificate(text: string): { readonly key: string; readonly cert: string } {
  const end = text.indexOf('-----BEGIN CERTIFICATE-----');
  return { key: text.slice(0, end), cert: text.slice(end) };
}
