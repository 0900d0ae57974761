/** Who signs what the metadata service attests. The keys are the emulator's own, made when they are first needed. */
export interface MetadataCredentials {
  /** Epoch milliseconds: when a token begins. */
  now(): number;
  /** A JSON Web Token over these claims, RS256. */
  signToken(claims: Readonly<Record<string, unknown>>): Promise<string>;
  /** PKCS #7 signed data (DER, in base64) that contains `content` and the signer's certificate. */
  signDocument(content: string): Promise<string>;
}

/** An identity that a VM may ask tokens for. */
export interface ManagedIdentity {
  readonly clientId: string;
  readonly objectId: string;
  /** Resource id of the VM (system-assigned) or of the identity (user-assigned). */
  readonly resourceId: string;
}
