import { describe, expect, it } from 'vitest';
import type { HttpAction } from '../../../../scheduler/jobs/definition.ts';
import { Interrupt } from '../../../../scheduler/engine/interrupt.ts';
import { Secret } from '../../../../scheduler/secrets/secret.ts';
import { actionTarget, claimOf, openActions, FORBIDDEN, FORBIDDEN_REFUSAL } from '../../../support/action-target.ts';
import { AUTHORITY } from '../../../support/certificates.ts';
import { fakeAuthority } from '../../../support/fake-authority.ts';

const AUDIENCE = 'https://management.core.windows.net/';

const action = (uri: string, client: { id: string; secret: string }): HttpAction => ({
  type: 'Http',
  request: {
    uri,
    method: 'GET',
    headers: { Authorization: 'something of the job' },
    authentication: {
      type: 'ActiveDirectoryOAuth',
      tenant: 'contoso.onmicrosoft.com',
      audience: AUDIENCE,
      clientId: client.id,
      secret: Secret.of(client.secret),
    },
  },
});

const running = new Interrupt();

describe("Azure's own library, against a fake authority", () => {
  it('gets a token for the audience, shows it to the target, and keeps it for the next execution', async () => {
    const authority = await fakeAuthority();
    const { url, seen } = await actionTarget((_request, response) => response.end());
    const actions = openActions({ authority: authority.url, trust: [AUTHORITY] });
    const wanted = action(url, authority.client);
    for (let run = 0; run < 2; run++) {
      expect((await actions.perform(wanted, claimOf(wanted), running))?.status).toBe('completed');
    }
    expect(seen.map(({ headers }) => headers.authorization)).toEqual(
      Array.from({ length: 2 }, () => `Bearer token 1 for ${AUDIENCE}/.default`),
    );
    const asked = authority.seen.filter(({ url }) => url?.includes('/token'));
    expect(asked.map(({ url }) => url?.split('?')[0])).toEqual(['/contoso.onmicrosoft.com/oauth2/v2.0/token']);
    expect(new URLSearchParams(asked[0]?.body).get('grant_type')).toBe('client_credentials');
  });

  it('that is refused makes the action fail before the target hears of it, without the secret in its history', async () => {
    const authority = await fakeAuthority();
    const { url, seen } = await actionTarget((_request, response) => response.end());
    const wanted = action(url, { ...authority.client, secret: 'hunter2' });
    const actions = openActions({ authority: authority.url, trust: [AUTHORITY] });
    const outcome = await actions.perform(wanted, claimOf(wanted), running);
    expect(outcome).toMatchObject({ status: 'failed' });
    expect(outcome?.message).toMatch(/failed: AuthenticationFailed no token from 127\.0\.0\.1:\d+: .*AADSTS7000215/);
    expect(outcome?.message).not.toContain('hunter2');
    expect(seen).toEqual([]);
  });

  it('is held to the address guard', async () => {
    const { url } = await actionTarget((_request, response) => response.end());
    const client = { id: 'id', secret: 'secret' };
    for (const [authority, allowPrivate, refusal] of [
      [`https://${FORBIDDEN}`, true, FORBIDDEN_REFUSAL],
      ['https://localhost:1', false, /AddressRefused localhost is (127\.0\.0\.1|::1), which is this machine itself/],
    ] as const) {
      const wanted = action(url, client);
      const outcome = await openActions({ authority }, { allowPrivate }).perform(wanted, claimOf(wanted), running);
      expect(outcome?.message).toMatch(refusal);
    }
  });
});
