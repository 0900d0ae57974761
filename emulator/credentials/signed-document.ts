/** A certificate and its key, as PEM. */
export interface DocumentSigner {
  readonly certificate: string;
  readonly key: string;
}

/**
 * PKCS #7 signed data (RFC 2315) around `content`, with the signer's certificate in it: DER, in base64. Verified by
 * `openssl smime -verify -inform der -CAfile ca.pem`. The library for certificates is loaded only here.
 */
export async function signDocument(content: string, signer: DocumentSigner, nowMs: number): Promise<string> {
  const { default: forge } = await import('node-forge');
  const message = forge.pkcs7.createSignedData();
  message.content = forge.util.createBuffer(content, 'utf8');
  const certificate = forge.pki.certificateFromPem(signer.certificate);
  message.addCertificate(certificate);
  message.addSigner({
    key: signer.key,
    certificate,
    digestAlgorithm: forge.pki.oids['sha256'] ?? '',
    authenticatedAttributes: [
      { type: forge.pki.oids['contentType'] ?? '', value: forge.pki.oids['data'] ?? '' },
      { type: forge.pki.oids['messageDigest'] ?? '' },
      // The library wants a Date here, whatever its types say of texts.
      { type: forge.pki.oids['signingTime'] ?? '', value: signingTime(nowMs) },
    ],
  });
  message.sign();
  return forge.util.encode64(forge.asn1.toDer(message.toAsn1()).getBytes());
}

function signingTime(nowMs: number): string {
  return new Date(nowMs).toUTCString();
}
