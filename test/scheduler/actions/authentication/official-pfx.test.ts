import type { TLSSocket } from 'node:tls';
import forge from 'node-forge';
import { describe, expect, it } from 'vitest';
import type { Certificate } from '../../../../scheduler/actions/authentication/certificate.ts';
import { readPfx } from '../../../../scheduler/actions/authentication/pfx.ts';
import type { HttpAction } from '../../../../scheduler/jobs/definition.ts';
import { actionTarget, performOnce } from '../../../support/action-target.ts';
import { AUTHORITY, pfx, SERVER } from '../../../support/certificates.ts';

const open = async (name: Parameters<typeof pfx>[0]): Promise<Certificate> => {
  const file = pfx(name);
  return await readPfx(file.pfx, file.password);
};

const action = (uri: string, certificate: Certificate): HttpAction => ({
  type: 'Https',
  request: {
    uri,
    method: 'GET',
    authentication: { type: 'ClientCertificate', ...certificate.shown(), certificate: certificate.secret },
  },
});

describe('a PFX file', () => {
  it.each([
    ['old-rc2', 'CN=Scheduler Mgmt, O=Shop, C=DE'],
    ['new-aes', 'CN=Scheduler Mgmt, O=Shop, C=DE'],
    ['elliptic', 'CN=Elliptic client'],
  ] as const)('%s is read, and its certificate shown to a server that asks for one', async (name, subject) => {
    const certificate = await open(name);
    expect(certificate.shown()).toMatchObject({
      certificateSubjectName: subject,
      certificateThumbprint: expect.stringMatching(/^[0-9A-F]{40}$/) as string,
      certificateExpiration: expect.stringMatching(/^2126-10-27T/) as string,
    });
    const { url } = await actionTarget(
      (request, response) => response.end((request.socket as TLSSocket).getPeerCertificate().fingerprint),
      { ...SERVER, ca: AUTHORITY, requestCert: true, rejectUnauthorized: true },
    );
    const outcome = await performOnce(action(url, certificate), { trust: [AUTHORITY] });
    expect(outcome?.message.replaceAll(':', '')).toContain(`Body ${certificate.shown().certificateThumbprint}`);
  });

  it('shows the thumbprint that Windows would', async () => {
    expect((await open('old-rc2')).shown().certificateThumbprint).toBe('35E64AEF43190AD110C6958E74B3EDB2B4D8E868');
  });

  it.each([
    ['a wrong password', pfx('old-rc2').pfx, 'wrong', 'does not open with the password'],
    ['a wrong password of the newer kind', pfx('new-aes').pfx, 'password', 'does not open with the password'],
    ['text that is not base64', 'pfx key!', 'password', 'is not base64'],
    ['bytes that are no PFX file', 'AAAA', 'password', 'is not a PFX file that can be read'],
    ['a certificate alone', btoa(AUTHORITY), 'password', 'is not a PFX file that can be read'],
    ['nothing', '', 'password', 'is not base64'],
    ['a file larger than a job', 'A'.repeat(20_000), 'password', 'is larger than a job may be'],
  ])('with %s is refused', async (_what, file, password, message) => {
    await expect(readPfx(file, password)).rejects.toThrow(message);
  });

  it('that would take hours to open is given up, and holds up nobody', async () => {
    const asn1 = forge.asn1.fromDer(forge.util.decode64(pfx('old-rc2').pfx));
    const mac = (asn1.value as forge.asn1.Asn1[])[2]?.value as forge.asn1.Asn1[];
    const rounds = mac[2];
    if (rounds === undefined) throw new Error('the file names no number of rounds');
    rounds.value = forge.asn1.integerToDer(2 ** 31 - 1).getBytes();
    const evil = forge.util.encode64(forge.asn1.toDer(asn1).getBytes());
    await expect(readPfx(evil, 'password', 400)).rejects.toThrow('cannot be read within 0.4 s');
    await expect(open('old-rc2')).resolves.toBeDefined();
  });
});

describe('an HTTPS action', () => {
  it('to a server whose certificate nobody vouches for fails, and names the setting', async () => {
    const { url, seen } = await actionTarget((_request, response) => response.end(), SERVER);
    const outcome = await performOnce({ type: 'Https', request: { uri: url, method: 'GET' } });
    expect(outcome).toMatchObject({
      status: 'failed',
      message: expect.stringMatching(/TrustFailure .*http\.trust/) as string,
    });
    expect(seen).toEqual([]);
  });

  it('keeps the letters of header names', async () => {
    const { url, seen } = await actionTarget((_request, response) => response.end(), SERVER);
    const request = { uri: url, method: 'GET', headers: { 'X-MixEd': 'a' } };
    await performOnce({ type: 'Https', request }, { trust: [AUTHORITY] });
    expect(seen[0]?.rawHeaders).toContain('X-MixEd');
  });

  it('by name checks the certificate against the name', async () => {
    const { url } = await actionTarget((_request, response) => response.end('fine'), SERVER);
    const uri = url.replace('127.0.0.1', 'localhost');
    const outcome = await performOnce({ type: 'Https', request: { uri, method: 'GET' } }, { trust: [AUTHORITY] });
    expect(outcome?.message).toMatch(/Body: fine$/);
  });
});
