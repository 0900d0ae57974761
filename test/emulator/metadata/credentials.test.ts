import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../emulator/metadata/answer.ts';
import { parseRequestTarget } from '../../../emulator/metadata/request-target.ts';
import { respond, type MetadataVm } from '../../../emulator/metadata/respond.ts';
import { START_MS } from '../support.ts';
import { metadataVm } from './support.ts';

interface Wanted {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly vm?: MetadataVm;
}

async function ask(target: string, wanted: Wanted = {}): Promise<Answer> {
  const outcome = respond(wanted.vm ?? metadataVm(), {
    method: wanted.method ?? 'GET',
    headers: wanted.headers ?? { metadata: 'true' },
    target: parseRequestTarget(target),
  });
  if (!('kind' in outcome)) return outcome;
  if (outcome.kind === 'needs-body') throw new Error('expected an answer without a body');
  return await outcome.finish();
}

const TOKEN = '/metadata/identity/oauth2/token?api-version=2018-02-01';
const RESOURCE = '&resource=https%3A%2F%2Fmanagement.azure.com%2F';

describe('asking for a token', () => {
  it('gives one with every value a text, figures too', async () => {
    const answer = await ask(`${TOKEN}${RESOURCE}&bypass_cache=true`);
    expect(answer.status).toBe(200);
    const body = JSON.parse(answer.body) as Record<string, string>;
    const seconds = START_MS / 1000;
    expect(body).toEqual({
      access_token: body['access_token'],
      client_id: 'C1',
      expires_in: '3599',
      expires_on: `${seconds + 3600}`,
      ext_expires_in: '262800',
      not_before: `${seconds}`,
      resource: 'https://management.azure.com/',
      token_type: 'Bearer',
    });
    expect(JSON.parse(body['access_token'] ?? '')).toMatchObject({
      aud: 'https://management.azure.com/',
      iss: 'https://sts.windows.net/TENANT/',
      exp: seconds + 3600,
      appid: 'C1',
      oid: 'O1',
      tid: 'TENANT',
      xms_mirid: '/r/1',
    });
  });

  it.each(['client_id=c2', 'object_id=O2', 'msi_res_id=%2Fr%2F2', 'mi_res_id=/R/2'])(
    'may name one of the identities by %s',
    async (named) => {
      expect(JSON.parse((await ask(`${TOKEN}${RESOURCE}&${named}`)).body)).toMatchObject({ client_id: 'C2' });
    },
  );

  it.each([
    ['an identity that the VM does not have', `${TOKEN}${RESOURCE}&client_id=C9`, 'Identity not found'],
    ['two names at once', `${TOKEN}${RESOURCE}&client_id=C1&object_id=O1`, 'Only one of'],
    ['no resource', TOKEN, "'resource' is missing"],
    ['an empty resource', `${TOKEN}&resource=`, "'resource' is missing"],
  ])('answers %s with 400 and invalid_request', async (_what, target, description) => {
    const answer = await ask(target);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toEqual({
      error: 'invalid_request',
      error_description: expect.stringContaining(description) as string,
    });
  });

  it('answers a request without the header with the error of this endpoint', async () => {
    expect(await ask(`${TOKEN}${RESOURCE}`, { headers: {} })).toMatchObject({
      status: 400,
      body: '{"error":"bad_request_102","error_description":"Required metadata header not specified"}',
    });
  });

  it.each([
    ['a version before tokens', '/metadata/identity/oauth2/token?api-version=2017-12-01&resource=x', 'GET', 400],
    ['no version', '/metadata/identity/oauth2/token?resource=x', 'GET', 400],
    ['another path', '/metadata/identity/oauth2?api-version=2018-02-01', 'GET', 404],
    ['POST', `${TOKEN}${RESOURCE}`, 'POST', 405],
  ])('answers %s with its error', async (_what, target, method, status) => {
    expect((await ask(target, { method })).status).toBe(status);
  });

  it('tells the tenant', async () => {
    expect((await ask('/metadata/identity/info?api-version=2018-02-01')).body).toBe('{"tenantId":"TENANT"}');
  });
});

describe('asking for an attested document', () => {
  const attested = async (version: string, more = ''): Promise<Answer> =>
    await ask(`/metadata/attested/document?api-version=${version}${more}`);

  it('gives who the VM is, with the nonce, as signed', async () => {
    const { encoding, signature } = JSON.parse((await attested('2021-02-01', '&nonce=1234576990')).body) as {
      encoding: string;
      signature: string;
    };
    expect(encoding).toBe('pkcs7');
    expect(signature).toBe(
      '{"licenseType":"","nonce":"1234576990","plan":{"name":"","product":"","publisher":""},"sku":"13-gen2",' +
        '"subscriptionId":"sub","timeStamp":{"createdOn":"11/20/26 12:00:00 -0000","expiresOn":"11/20/26 18:00:00 -0000"},' +
        '"vmId":"aaaa-bbbb"}',
    );
  });

  it('takes the time for a nonce when there is none, and leaves out what came later', async () => {
    const { signature } = JSON.parse((await attested('2018-10-01')).body) as { signature: string };
    expect(Object.keys(JSON.parse(signature) as object)).toEqual(['nonce', 'plan', 'timeStamp', 'vmId']);
    expect(signature).toContain('"nonce":"20261120-120000"');
  });

  it.each([
    ['2018-04-02', '', 400],
    ['2021-02-01', '&nonce=12345678901', 400],
    ['2021-02-01', '&nonce=abc', 400],
  ])('refuses version %s with %s', async (version, more, status) => {
    expect((await attested(version, more)).status).toBe(status);
  });

  it('is no other path', async () => {
    expect((await ask('/metadata/attested?api-version=2021-02-01')).status).toBe(404);
    expect((await ask('/metadata/attested/document/x?api-version=2021-02-01')).status).toBe(404);
  });
});

describe('asking for the load balancer', () => {
  const LOAD_BALANCER = '/metadata/loadbalancer?api-version=2020-10-01';
  const vm = metadataVm([], {
    balancing: () => ({
      frontendIpAddress: '127.0.0.1',
      frontendPort: 8080,
      backendPort: 21_000,
      privateIpAddress: '10.0.7.4',
    }),
  });

  it('gives addresses as texts and ports as numbers', async () => {
    expect((await ask(LOAD_BALANCER, { vm })).body).toBe(
      '{"loadbalancer":{"publicIpAddresses":[{"frontendIpAddress":"127.0.0.1","privateIpAddress":"10.0.7.4"}],' +
        '"inboundRules":[{"frontendIpAddress":"127.0.0.1","protocol":"tcp","frontendPort":8080,"backendPort":21000,' +
        '"privateIpAddress":"10.0.7.4"}],"outboundRules":[]}}',
    );
  });

  it('answers a VM behind no public address with 404, an old version with 400', async () => {
    expect((await ask(LOAD_BALANCER)).status).toBe(404);
    expect((await ask('/metadata/loadbalancer?api-version=2020-09-01', { vm })).status).toBe(400);
  });
});
