import { systemClock, type Clock } from '../../common/runtime/clock.ts';
import type { Authority, Certified } from './authority.ts';
import type { MetadataCredentials } from '../metadata/credentials.ts';
import type { KeptPart, StateKeeper } from '../state/state-keeper.ts';
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

/** `keeper`: where the keys outlive the run; without it each run has others. */
export function createCredentials(clock: Clock, keeper?: Pick<StateKeeper, 'part'>): Credentials {
  let authority: Promise<Authority> | undefined;
  let signer: Promise<Certified> | undefined;
  let tokenKey: Promise<TokenKey> | undefined;
  const theAuthority = async (): Promise<Authority> => await (authority ??= newAuthority(keeper?.part('authority')));
  const theTokenKey = async (): Promise<TokenKey> => await (tokenKey ??= newTokenKey(keeper?.part('tokenKey')));
  const issueSigner = async (): Promise<Certified> => await (await theAuthority()).issue(SIGNER_NAMES);
  return {
    now: () => clock.now(),
    authority: theAuthority,
    keySet: async () => ({ keys: [(await theTokenKey()).published] }),
    signToken: async (claims) => (await theTokenKey()).sign(claims),
    signDocument: async (content) => await signDocument(content, await (signer ??= issueSigner()), clock.now()),
  };
}

/** Tokens of an earlier run stay good: their clients keep them for an hour. */
async function newTokenKey(kept: KeptPart<string | undefined> | undefined): Promise<TokenKey> {
  const key = await createTokenKey(kept?.found);
  kept?.provide(() => key.privateKey);
  kept?.save();
  return key;
}

/** Certificates run in the machine's time, not in a stepped clock's: their clients know no other. */
async function newAuthority(kept: KeptPart<Certified | undefined> | undefined): Promise<Authority> {
  const { createAuthority } = await import('./authority.ts');
  const authority = await createAuthority(systemClock.now(), kept?.found);
  kept?.provide(() => authority.root);
  kept?.save();
  return authority;
}
