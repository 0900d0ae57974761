import type { Grant } from './grants.ts';

/** Somebody, or something, that may use the scheduler. */
export interface AccessUser {
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly createdAtMs: number;
}

/** A token as it is kept: its hash is the key, the token itself nowhere. */
export interface AccessToken {
  /** Names it for people; not secret. */
  readonly id: string;
  readonly user: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | undefined;
}

/** Who may do what. Promises as in `Store`. */
export interface AccessStore {
  /** Creates a user or replaces his grants. True when he is new. */
  putUser(user: AccessUser): Promise<boolean>;
  /** With all his tokens. False when there was none. */
  deleteUser(name: string): Promise<boolean>;
  /** By name. */
  users(): Promise<readonly AccessUser[]>;
  /** False, and nothing is kept, when there is no such user. */
  addToken(hash: string, token: AccessToken): Promise<boolean>;
  /** False when the user has no such token. */
  deleteToken(user: string, id: string): Promise<boolean>;
  tokens(user: string): Promise<readonly AccessToken[]>;
  /** The token with this hash and its user. */
  find(hash: string): Promise<{ readonly token: AccessToken; readonly user: AccessUser } | undefined>;
}
