import type { Dispatcher } from 'undici';
import { createGuardedAgent, type AddressGuard } from '../guarded-agent.ts';
import { openCertificate } from './certificate.ts';
import type { Authentication } from './definition.ts';
import type { TokenSource } from './tokens.ts';

/** What a request needs to prove who it is. `close` is called once it is over. */
export interface Credentials {
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Connections that show a client certificate. */
  readonly dispatcher?: Dispatcher;
  readonly close: () => Promise<void>;
}

export interface Authenticator {
  /** Rejects with an `AuthenticationFailedError`, or what opening a stored secret throws. */
  readonly credentials: (authentication: Authentication, signal: AbortSignal) => Promise<Credentials>;
}

const nothingToClose = async (): Promise<void> => {};

export function createAuthenticator(parts: {
  readonly guard: AddressGuard;
  readonly trust: readonly string[] | undefined;
  readonly tokens: TokenSource;
}): Authenticator {
  const withHeader = (value: string): Credentials => ({ headers: [['authorization', value]], close: nothingToClose });
  return {
    credentials: async (authentication, signal) => {
      switch (authentication.type) {
        case 'Basic': {
          const { username, password } = authentication;
          return withHeader(`Basic ${Buffer.from(`${username}:${password.reveal()}`).toString('base64')}`);
        }
        case 'ActiveDirectoryOAuth':
          return withHeader(`Bearer ${await parts.tokens.token(authentication, signal)}`);
        case 'ClientCertificate': {
          // Of its own for each execution: no connection that shows a certificate is left for another job's request.
          const tls = { ...openCertificate(authentication.certificate.reveal()), ca: parts.trust };
          const dispatcher = createGuardedAgent(parts.guard, tls);
          return { headers: [], dispatcher, close: async () => await dispatcher.destroy() };
        }
        default:
          return authentication satisfies never;
      }
    },
  };
}
