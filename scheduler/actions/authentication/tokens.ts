import { createHash } from 'node:crypto';
import type { ClientSecretCredential } from '@azure/identity';
import type { Dispatcher } from 'undici';
import { describeError } from '../../../common/runtime/errors.ts';
import { createAzureHttpClient } from '../azure-http-client.ts';
import { AuthenticationFailedError, findRefusal } from '../http-failure.ts';
import type { Authentication } from './definition.ts';

type OAuth = Extract<Authentication, { type: 'ActiveDirectoryOAuth' }>;

export interface TokenSource {
  /** A token that is valid for minutes at least. Rejects with an `AuthenticationFailedError` or `AddressRefusedError`. */
  readonly token: (wanted: OAuth, signal: AbortSignal) => Promise<string>;
}

/** Clients whose tokens are kept until they expire; a token lasts an hour and a job may run each minute. */
const MAX_CLIENTS = 500;

/** Tokens by client credentials, from `authority`, through Azure's own library, which is loaded with the first one. */
export function createTokenSource(parts: { readonly authority: string; readonly dispatcher: Dispatcher }): TokenSource {
  const clients = new Map<string, ClientSecretCredential>();
  const httpClient = createAzureHttpClient(parts.dispatcher);
  // The library keeps to itself why it did not reach the authority; there is one, so the last reason is everybody's.
  let unreachable: unknown;
  const clientOf = async (wanted: OAuth): Promise<ClientSecretCredential> => {
    const { tenant, clientId } = wanted;
    const secret = wanted.secret.reveal();
    const key = createHash('sha256')
      .update(JSON.stringify([tenant, clientId, secret]))
      .digest('hex');
    const known = clients.get(key);
    if (known !== undefined) return known;
    const { ClientSecretCredential } = await import('@azure/identity');
    const made = new ClientSecretCredential(tenant, clientId, secret, {
      authorityHost: parts.authority,
      // An authority of one's own is not in Microsoft's list, and asking Microsoft about it would tell of it.
      disableInstanceDiscovery: true,
      httpClient: {
        sendRequest: async (request) => {
          try {
            unreachable = undefined;
            return await httpClient.sendRequest(request);
          } catch (error) {
            unreachable = error;
            throw error;
          }
        },
      },
      // The job's own retry policy decides when it is tried again.
      retryOptions: { maxRetries: 0 },
    });
    const oldest = clients.size < MAX_CLIENTS ? undefined : clients.keys().next().value;
    if (oldest !== undefined) clients.delete(oldest);
    clients.set(key, made);
    return made;
  };
  return {
    token: async (wanted, signal) => {
      try {
        // The audience as it is, with or without a slash at its end: that is what the token will be for.
        const client = await clientOf(wanted);
        return (await client.getToken(`${wanted.audience}/.default`, { abortSignal: signal })).token;
      } catch (error) {
        const cause = unreachable ?? error;
        const refusal = findRefusal(cause);
        if (refusal !== undefined) throw refusal;
        const [reason] = describeError(cause).split(/\r?\n/);
        throw new AuthenticationFailedError(`no token from ${new URL(parts.authority).host}: ${reason}`, {
          cause: error,
        });
      }
    },
  };
}
