/** A VM's key as it is kept. Each is bound to one VM: scope, canonical name and vmId. */
export interface AgentKey {
  readonly scope: string;
  /** Canonical. */
  readonly name: string;
  readonly vmId: string;
  /** base64url of its SPKI form. */
  readonly publicKey: string;
  readonly enrolledAtMs: number;
  /** When it last took the place of another key of the same VM. */
  readonly rotatedAtMs: number | undefined;
  readonly revokedAtMs: number | undefined;
}

/** A one-time token as it is kept: its hash is the key, the token itself nowhere. */
export interface EnrolmentToken {
  readonly scope: string;
  /** Canonical; undefined lets any VM of the scope enrol that is not enrolled yet. */
  readonly name: string | undefined;
  readonly expiresAtMs: number;
  readonly usedAtMs: number | undefined;
}

/** What an agent said of itself, its signature already checked. */
export interface Claim {
  readonly scope: string;
  /** Canonical. */
  readonly name: string;
  readonly vmId: string;
  /** Undefined: it proved nothing. */
  readonly proof: { readonly publicKey: string; readonly isSignatureRight: boolean } | undefined;
}

export type Admission =
  | { readonly kind: 'admitted' }
  /** Admitted, and from now on known by this key; its token is used up. */
  | { readonly kind: 'enrolled'; readonly key: AgentKey }
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Whether an agent may speak for the VM that it says it is. `known` is the key kept for that VM, `token` the kept form of the
 * token it showed ('unknown' for one that was never given out), `isRequired` whether VMs without a key are turned away.
 *
 * Whoever is refused must hear why, because the mending is on the VM; nothing in the reason helps whoever guesses.
 */
export function admit(
  claim: Claim,
  known: AgentKey | undefined,
  token: EnrolmentToken | 'unknown' | undefined,
  context: { readonly now: number; readonly isRequired: boolean },
): Admission {
  const { proof } = claim;
  if (proof === undefined) {
    // A VM that was ever enrolled cannot go back to proving nothing: that would be anybody's way around its key.
    if (known === undefined) return context.isRequired ? refused(NOT_ENROLLED) : { kind: 'admitted' };
    return refused('this VM is enrolled; its agent must prove that it holds the key');
  }
  if (!proof.isSignatureRight) return refused('the signature does not fit the key and the challenge');
  const isKnown = known !== undefined && known.revokedAtMs === undefined && known.publicKey === proof.publicKey;
  if (isKnown) {
    if (known.vmId === claim.vmId) return { kind: 'admitted' };
    return refused(`this key belongs to the VM with id ${known.vmId}, not to ${claim.vmId}`);
  }
  if (token === undefined) {
    if (known?.revokedAtMs !== undefined) return refused('the key of this VM was revoked; enrol it anew with a token');
    if (known !== undefined)
      return refused('another key is known for this VM; enrol it anew with a token made for its name');
    return context.isRequired ? refused(NOT_ENROLLED) : { kind: 'admitted' };
  }
  const problem = problemOf(token, claim, known, context.now);
  return problem === undefined ? enrolled(claim, proof.publicKey, context.now) : refused(problem);
}

const NOT_ENROLLED = 'this VM is not enrolled; give its agent a token from "forewarn vms enrol"';

function problemOf(
  token: EnrolmentToken | 'unknown',
  claim: Claim,
  known: AgentKey | undefined,
  now: number,
): string | undefined {
  if (token === 'unknown') return 'the enrolment token is not known';
  if (token.usedAtMs !== undefined) return 'the enrolment token was used before';
  if (token.expiresAtMs <= now) return 'the enrolment token has expired';
  if (token.scope !== claim.scope || (token.name !== undefined && token.name !== claim.name))
    return 'the enrolment token is for another VM';
  // A token for a whole scope must not be enough to take the place of a VM that is there.
  if (known !== undefined && known.revokedAtMs === undefined && token.name === undefined)
    return 'another key is known for this VM; revoke it first, or make a token for its name';
  return undefined;
}

function enrolled(claim: Claim, publicKey: string, now: number): Admission {
  const { scope, name, vmId } = claim;
  return {
    kind: 'enrolled',
    key: { scope, name, vmId, publicKey, enrolledAtMs: now, rotatedAtMs: undefined, revokedAtMs: undefined },
  };
}

function refused(reason: string): Admission {
  return { kind: 'refused', reason };
}
