import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../common/runtime/clock.ts';
import { randomText } from '../../common/runtime/random.ts';
import type { AccessStore, AccessToken, AccessUser } from './access-store.ts';
import { isGranted, isGrantedWithin, type Grant, type Scope } from './grants.ts';
import { requirementOf } from './requirement.ts';

/** 256 bits: nobody guesses one, so a plain hash cannot be turned back. */
const TOKEN_BYTES = 32;
const TOKEN_ID_BYTES = 6;

/** So long a token is believed without being looked up; also how long one that another replica revoked may still hold. */
export const BELIEVED_FOR_MS = 5000;
/** Tokens remembered; more than people and programs that use one scheduler within five seconds. */
const MAX_BELIEVED = 1000;

/** Whoever has the owner's token of the settings. */
const OWNER: Pick<AccessUser, 'name' | 'grants'> = { name: 'owner', grants: [{ role: 'owner', scope: '/' }] };
/** Everybody, where no token is wanted. */
export const LOCAL: Pick<AccessUser, 'name' | 'grants'> = { name: 'local', grants: OWNER.grants };

/** Who asks. */
export interface Principal {
  readonly name: string;
  readonly grants: readonly Grant[];
}

export type Verdict =
  | { readonly kind: 'allowed'; readonly principal: Principal }
  /** No token, or none that holds. */
  | { readonly kind: 'unknown'; readonly hasToken: boolean }
  | { readonly kind: 'forbidden'; readonly principal: Principal; readonly scope: Scope };

/** Who may use the scheduler, and for what. */
export interface Access {
  judge(request: Pick<IncomingMessage, 'method' | 'headers'>, path: string): Promise<Verdict>;
  /** A new token of a user, shown this once; only its hash is kept. Undefined when there is no such user. */
  issue(user: string, lifeMs: number | undefined): Promise<(AccessToken & { readonly text: string }) | undefined>;
  /** Something was revoked: whatever rests on a token is to be judged anew, now. Returns what ends that. */
  onRevoked(listener: () => void): () => void;
  revoked(): void;
}

export interface AccessParts {
  readonly store: AccessStore;
  readonly clock: Clock;
  /** The secret that stands for the owner of everything; undefined: there is none. */
  readonly ownerToken: string | undefined;
  /** Everybody who can connect may do everything; only on loopback. */
  readonly isOpen: boolean;
}

export function createAccess({ store, clock, ownerToken, isOpen }: AccessParts): Access {
  const ownerHash = ownerToken === undefined ? undefined : hashOf(ownerToken);
  const believed = new Map<string, { readonly user: AccessUser; readonly untilMs: number }>();
  const listeners = new Set<() => void>();

  const principalOf = async (authorization: string | undefined): Promise<Principal | undefined> => {
    const text = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    // A token that does not hold is refused also where none is wanted: whoever shows one wants to be that one.
    if (text === undefined) return isOpen && authorization === undefined ? LOCAL : undefined;
    const hash = hashOf(text);
    if (ownerHash !== undefined && timingSafeEqual(Buffer.from(hash), Buffer.from(ownerHash))) return OWNER;
    const now = clock.now();
    const known = believed.get(hash);
    if (known !== undefined && known.untilMs > now) return known.user;
    believed.delete(hash);
    const found = await store.find(hash);
    if (found === undefined) return undefined;
    const { expiresAtMs } = found.token;
    if (expiresAtMs !== undefined && expiresAtMs <= now) return undefined;
    const oldest = believed.size < MAX_BELIEVED ? undefined : believed.keys().next().value;
    if (oldest !== undefined) believed.delete(oldest);
    believed.set(hash, { user: found.user, untilMs: Math.min(now + BELIEVED_FOR_MS, expiresAtMs ?? Infinity) });
    return found.user;
  };

  return {
    judge: async (request, path) => {
      const { authorization } = request.headers;
      const principal = await principalOf(authorization);
      if (principal === undefined) return { kind: 'unknown', hasToken: authorization !== undefined };
      const required = requirementOf(request.method ?? 'GET', path);
      if (required.kind === 'known') return { kind: 'allowed', principal };
      const judgeBy = required.within ? isGrantedWithin : isGranted;
      return judgeBy(principal.grants, required.role, required.scope)
        ? { kind: 'allowed', principal }
        : { kind: 'forbidden', principal, scope: required.scope };
    },
    issue: async (user, lifeMs) => {
      const text = randomText(TOKEN_BYTES);
      const createdAtMs = clock.now();
      const token: AccessToken = {
        id: randomText(TOKEN_ID_BYTES),
        user,
        createdAtMs,
        expiresAtMs: lifeMs === undefined ? undefined : createdAtMs + lifeMs,
      };
      return (await store.addToken(hashOf(text), token)) ? { ...token, text } : undefined;
    },
    onRevoked: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    revoked: () => {
      believed.clear();
      for (const listener of listeners) listener();
    },
  };
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
