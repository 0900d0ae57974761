/**
 * How an agent proves which VM it is: it signs, with its own Ed25519 key, the challenge of this very connection together with
 * everything it claims. Keys travel as base64url of their SPKI form (DER), signatures as base64url of their 64 bytes.
 */

/** Random bytes of a challenge; base64url. */
export const NONCE_BYTES = 32;

/** What a key is bound to. */
export interface ProvenIdentity {
  readonly scope: string;
  readonly name: string;
  readonly vmId: string;
}

/** The text that is signed at `hello`. JSON, so that no field can run into the next one. */
export function helloProofText(nonce: string, identity: ProvenIdentity, publicKey: string): string {
  const { scope, name, vmId } = identity;
  return JSON.stringify(['forewarn agent hello', nonce, scope, name, vmId, publicKey]);
}

/** The text that the new key signs when it takes the place of the old one: that whoever asks for it holds it. */
export function rotationProofText(nonce: string, identity: ProvenIdentity, publicKey: string): string {
  const { scope, name, vmId } = identity;
  return JSON.stringify(['forewarn agent rotate', nonce, scope, name, vmId, publicKey]);
}
