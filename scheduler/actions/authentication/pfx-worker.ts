import { pbkdf2Sync } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import forge from 'node-forge';
import { z } from 'zod';

/**
 * Opens a PFX file (RFC 7292) in a thread of its own, because whoever made it decides how long that takes: it names how often
 * the password is hashed. node-forge and not OpenSSL, which since version 3 reads no RC2, and that is what Windows exported for
 * twenty years. DER is handed on as it is, so keys that node-forge does not know (elliptic curves) pass too.
 */

const input = z.object({ pfx: z.string(), password: z.string() }).parse(workerData);

// PBES2 takes the password in UTF-8 (RFC 8018, 3), which node-forge leaves to its caller, while the older schemes take UTF-16,
// which it does itself: one text cannot be both. Node's own hashing is faster besides.
Object.assign(forge.pkcs5, {
  pbkdf2: (password: string, ...[salt, rounds, length, digest]: [string, number, number, { algorithm: string }?]) => {
    const hash = digest?.algorithm ?? 'sha1';
    return pbkdf2Sync(password, Buffer.from(salt, 'latin1'), rounds, length, hash).toString('latin1');
  },
});

function read(): object {
  const der = forge.util.decode64(input.pfx);
  const pfx = forge.pkcs12.pkcs12FromAsn1(forge.asn1.fromDer(der), input.password);
  const bags = pfx.safeContents.flatMap((content) => content.safeBags);
  const { keyBag, pkcs8ShroudedKeyBag, certBag } = forge.pki.oids;
  const keys = bags
    .filter(({ type }) => type === keyBag || type === pkcs8ShroudedKeyBag)
    .map((bag) =>
      pem('PRIVATE KEY', bag.key ? forge.pki.wrapRsaPrivateKey(forge.pki.privateKeyToAsn1(bag.key)) : bag.asn1),
    );
  const certificates = bags
    .filter(({ type }) => type === certBag)
    .map((bag) => pem('CERTIFICATE', bag.cert ? forge.pki.certificateToAsn1(bag.cert) : bag.asn1));
  return { keys, certificates };
}

function pem(type: string, asn1: forge.asn1.Asn1): string {
  return forge.pem.encode({ type, body: forge.asn1.toDer(asn1).getBytes() });
}

try {
  parentPort?.postMessage(read(), []);
} catch (error) {
  // node-forge says which part it could not read; nothing of the contents is in its messages.
  parentPort?.postMessage({ error: error instanceof Error ? error.message : 'unknown' }, []);
}
