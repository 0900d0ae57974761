import { actionTarget, type Seen } from './action-target.ts';
import { SERVER } from './certificates.ts';

/** What a client of it must be; anything else is refused in Microsoft's words. */
const CLIENT = { id: 'dc23e764-0000-4a33-9b9a-c46e36f0c137', secret: 'the client secret' };

/**
 * A fake of Microsoft Entra's endpoints for client credentials: the tenant's metadata and its token endpoint, over TLS on
 * loopback. `token` numbers what it hands out.
 */
export async function fakeAuthority(): Promise<{ url: string; client: typeof CLIENT; seen: Seen[] }> {
  let issued = 0;
  const target = await actionTarget((request, response, { body }) => {
    const [, tenant = '', ...rest] = (request.url ?? '').split('?')[0]?.split('/') ?? [];
    const send = (status: number, answer: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    };
    const base = `${target.url}/${tenant}`;
    if (rest.join('/') === 'v2.0/.well-known/openid-configuration') {
      send(200, {
        issuer: `${base}/v2.0`,
        authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
        token_endpoint: `${base}/oauth2/v2.0/token`,
        jwks_uri: `${base}/keys`,
      });
      return;
    }
    if (rest.join('/') !== 'oauth2/v2.0/token') {
      send(404, { error: 'not_found' });
      return;
    }
    const form = new URLSearchParams(body);
    if (form.get('client_id') !== CLIENT.id || form.get('client_secret') !== CLIENT.secret) {
      send(401, {
        error: 'invalid_client',
        error_description: 'AADSTS7000215: Invalid client secret provided.\r\nTrace',
      });
      return;
    }
    issued += 1;
    send(200, { token_type: 'Bearer', expires_in: 3600, access_token: `token ${issued} for ${form.get('scope')}` });
  }, SERVER);
  return { ...target, client: CLIENT };
}
