import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { canonicalName } from '../../common/agreement/names.ts';
import { helloProofText, NONCE_BYTES, rotationProofText, type ProvenIdentity } from '../../common/protocol/proof.ts';
import type { HelloProof } from '../../common/protocol/messages.ts';
import type { Clock } from '../../common/runtime/clock.ts';
import type { Log } from '../../common/runtime/log.ts';
import { randomText } from '../../common/runtime/random.ts';
import type { EnrolmentStore } from './enrolment-store.ts';
import { admit, type AgentKey, type Admission } from './admission.ts';

/** A token that lies around longer than this is a secret that somebody else finds. */
export const MAX_TOKEN_LIFE_MS = 3_600_000;

/** 256 bits: nobody guesses one. */
const TOKEN_BYTES = 32;

/** Which VMs may join, by the keys of their agents. */
export interface Enrolment {
  /** A fresh challenge for one connection; base64url. */
  challenge(): string;
  /** Decides about a `hello`; an enrolment is durable when this resolves. */
  admit(identity: ProvenIdentity, proof: HelloProof | undefined, nonce: string): Promise<Admission>;
  /** Replaces the key of an admitted VM by one that proves itself; undefined when it does, else why not. */
  rotate(identity: ProvenIdentity, from: string, proof: HelloProof, nonce: string): Promise<string | undefined>;
  /** A one-time token, shown this once; only its hash is kept. */
  issue(wanted: {
    scope: string;
    name: string | undefined;
    lifeMs: number;
  }): Promise<{ token: string; expiresAtMs: number }>;
  keys(): Promise<readonly AgentKey[]>;
  /** False when the VM has no key that holds. */
  revoke(scope: string, name: string): Promise<boolean>;
}

export interface EnrolmentParts {
  readonly store: EnrolmentStore;
  readonly clock: Clock;
  readonly log: Log;
  /** VMs without a key are turned away. */
  readonly isRequired: boolean;
  /** A key was revoked or replaced: connections that rest on another one must end. */
  readonly changed: (key: AgentKey) => void;
}

export function createEnrolment(parts: EnrolmentParts): Enrolment {
  const { store, clock, log, isRequired } = parts;
  return {
    challenge: () => randomText(NONCE_BYTES),
    admit: async (identity, proof, nonce) => {
      const { scope, vmId } = identity;
      const name = canonicalName(identity.name);
      const isSignatureRight =
        proof !== undefined &&
        isSigned(helloProofText(nonce, identity, proof.publicKey), proof.publicKey, proof.signature);
      const checked = proof && { publicKey: proof.publicKey, isSignatureRight };
      const hash = proof?.token === undefined ? undefined : hashOf(proof.token);
      let admission: Admission = { kind: 'refused', reason: 'not decided' };
      await store.change(scope, name, hash, (known, found) => {
        const token = hash === undefined ? undefined : (found ?? 'unknown');
        admission = admit({ scope, name, vmId, proof: checked }, known, token, { now: clock.now(), isRequired });
        return admission.kind === 'enrolled' ? { key: admission.key, usesTokenAtMs: clock.now() } : undefined;
      });
      return announced(admission);
    },
    rotate: async (identity, from, proof, nonce) => {
      if (!isSigned(rotationProofText(nonce, identity, proof.publicKey), proof.publicKey, proof.signature))
        return 'the signature does not fit the new key and the challenge';
      let problem: string | undefined = 'not decided';
      await store.change(identity.scope, canonicalName(identity.name), undefined, (known) => {
        problem =
          known === undefined || known.revokedAtMs !== undefined || known.publicKey !== from
            ? 'the key of this connection does not hold any more'
            : undefined;
        if (known === undefined || problem !== undefined) return undefined;
        return { key: { ...known, publicKey: proof.publicKey, rotatedAtMs: clock.now() } };
      });
      if (problem === undefined) log.info({ scope: identity.scope, vm: identity.name }, 'agent has a new key');
      return problem;
    },
    issue: async ({ scope, name, lifeMs }) => {
      const token = randomText(TOKEN_BYTES);
      const expiresAtMs = clock.now() + Math.min(lifeMs, MAX_TOKEN_LIFE_MS);
      const canonical = name === undefined ? undefined : canonicalName(name);
      await store.addToken(hashOf(token), { scope, name: canonical, expiresAtMs, usedAtMs: undefined }, clock.now());
      log.info({ scope, vm: name, expiresAtMs }, 'enrolment token issued');
      return { token, expiresAtMs };
    },
    keys: async () => await store.keys(),
    revoke: async (scope, name) => {
      const revoked: { key: AgentKey | undefined } = { key: undefined };
      await store.change(scope, canonicalName(name), undefined, (known) => {
        revoked.key =
          known?.revokedAtMs === undefined && known !== undefined ? { ...known, revokedAtMs: clock.now() } : undefined;
        return revoked.key && { key: revoked.key };
      });
      if (revoked.key === undefined) return false;
      log.info({ scope, vm: name }, 'key of an agent revoked');
      parts.changed(revoked.key);
      return true;
    },
  };

  function announced(admission: Admission): Admission {
    if (admission.kind !== 'enrolled') return admission;
    const { key } = admission;
    log.info({ scope: key.scope, vm: key.name, vmId: key.vmId }, 'agent enrolled');
    parts.changed(key);
    return admission;
  }
}

/** Tokens have 256 random bits, so a plain hash cannot be turned back and needs no salt. */
function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function isSigned(text: string, publicKey: string, signature: string): boolean {
  const key = readKey(publicKey);
  return key !== undefined && verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64url'));
}

function readKey(publicKey: string): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey, 'base64url'), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined;
  }
}
