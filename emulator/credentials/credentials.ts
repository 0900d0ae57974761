import { systemClock, type Clock } from '../../common/runtime/clock.ts';
import type { Authority, Certified } from './authority.ts';
import type { MetadataCredentials } from '../metadata/credentials.ts';
import type { KeptPart } from '../state/state-keeper.ts';
import { signDocument } from './signed-document.ts';
import { createTokenKey, type PublishedKey, type TokenKey } from './token-key.ts';

/** All keys of one emulator: of its authority, of its tokens and of its attested documents. Each is made when first needed. */
export interface Credentials extends MetadataCredentials {
  authority(): Promise<Authority>;
  /** What verifies the tokens, as a JSON Web Key Set (RFC 7517). */
  keySet(): Promise<{ readonly keys: readonly PublishedKey[] }>;
}

/** Whom attested documents are signed by (Azure docs, Instance Metadata Service, "Attested data"). */
const SIGNER_NAMES = ['metadata.azure.com', '*.metadata.azure.com'];

/** `kept`: where the authority outlives the run; without it each run has another. */
export function createCredentials(clock: Clock, kept?: KeptPart<Certified | undefined>): Credentials {
  let authority: Promise<Authority> | undefined;
  let signer: Promise<Certified> | undefined;
  let tokenKey: Promise<TokenKey> | undefined;
  const theAuthority = async (): Promise<Authority> => await (authority ??= newAuthority(kept));
  const theTokenKey = async (): Promise<TokenKey> => await (tokenKey ??= createTokenKey());
  const issueSigner = async (): Promise<Certified> => await (await theAuthority()).issue(SIGNER_NAMES);
  return {
    now: () => clock.now(),
    authority: theAuthority,
    keySet: async () => ({ keys: [(await theTokenKey()).published] }),
    signToken: async (claims) => (await theTokenKey()).sign(claims),
    signDocument: async (content) => await signDocument(content, await (signer ??= issueSigner()), clock.now()),
  };
}

/** Certificates run in the machine's time, not in a stepped clock's: their clients know no other. */
async function newAuthority(kept: KeptPart<Certified | undefined> | undefined): Promise<Authority> {
  const { createAuthority } = await import('./authority.ts');
  const authority = await createAuthority(systemClock.now(), kept?.found);
  kept?.provide(() => authority.root);
  kept?.save();
  return authority;
}
