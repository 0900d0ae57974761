import { execFile } from 'node:child_process';
import { createPublicKey, verify, type JsonWebKey } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseFleet } from '../../../emulator/fleet/load-fleet.ts';
import { startEmulator, type Emulator } from '../../../emulator/start-emulator.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const run = promisify(execFile);

let emulator: Emulator;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'forewarn-credentials-'));
  emulator = await startEmulator({
    fleet: parseFleet({
      file: 'fleet.yaml',
      text: 'control: 127.0.0.1:0\nhost: none\nmetadata: { identities: [deploy] }\nvms: [{ name: db1 }]',
    }),
    environment: {},
    programs: { node: process.execPath, forewarn: [] },
    clock: new FakeClock(),
  });
});
afterAll(async () => {
  await emulator.close();
  await rm(folder, { recursive: true });
});

async function metadata(rest: string): Promise<Record<string, string>> {
  const url = `${emulator.vms[0]?.metadata ?? ''}/metadata/${rest}`;
  return (await (await fetch(url, { headers: { Metadata: 'true' } })).json()) as Record<string, string>;
}

describe('a token', () => {
  it('is verified by the key that the emulator publishes, and by no other text', async () => {
    const { access_token: token = '' } = await metadata('identity/oauth2/token?api-version=2018-02-01&resource=x');
    const { keys } = (await (await fetch(`${emulator.control}/keys`)).json()) as {
      keys: (JsonWebKey & { kid: string })[];
    };
    const [header = '', claims = '', signature = ''] = token.split('.');
    const { alg, kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { alg: string; kid: string };
    expect(alg).toBe('RS256');
    const jwk = keys.find((key) => key.kid === kid) ?? {};
    const isGood = (text: string): boolean =>
      verify(
        'sha256',
        Buffer.from(text),
        createPublicKey({ key: jwk, format: 'jwk' }),
        Buffer.from(signature, 'base64url'),
      );
    expect(isGood(`${header}.${claims}`)).toBe(true);
    expect(isGood(`${header}.${claims}x`)).toBe(false);
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({ aud: 'x' });
  });

  it('is given for the identities of the fleet file too', async () => {
    const own = await metadata('identity/oauth2/token?api-version=2018-02-01&resource=x');
    const { resourceGroupName = '', subscriptionId = '' } = await metadata('instance/compute?api-version=2021-02-01');
    const id = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroupName}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/deploy`;
    const other = await metadata(`identity/oauth2/token?api-version=2018-02-01&resource=x&msi_res_id=${id}`);
    expect(other['client_id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(other['client_id']).not.toBe(own['client_id']);
  });
});

describe('an attested document', () => {
  const opensslVerify = async (file: string, ca: string): Promise<string> =>
    (await run('openssl', ['smime', '-verify', '-inform', 'der', '-in', file, '-CAfile', ca])).stdout;

  it('is verified by OpenSSL with the certificate of the emulator, and by no other', async () => {
    const { encoding, signature = '' } = await metadata('attested/document?api-version=2021-02-01&nonce=1234576990');
    expect(encoding).toBe('pkcs7');
    const file = path.join(folder, 'document.der');
    await writeFile(file, Buffer.from(signature, 'base64'));
    const ca = path.join(folder, 'ca.pem');
    await writeFile(ca, await (await fetch(`${emulator.control}/ca.pem`)).text());
    expect(JSON.parse(await opensslVerify(file, ca))).toMatchObject({ nonce: '1234576990', sku: '13-gen2' });

    const { createAuthority } = await import('../../../emulator/credentials/authority.ts');
    const stranger = path.join(folder, 'stranger.pem');
    await writeFile(stranger, (await createAuthority(Date.now())).certificate);
    await expect(opensslVerify(file, stranger)).rejects.toThrow('Verification failure');
  });

  it('is signed by a certificate of *.metadata.azure.com', async () => {
    const { signature = '' } = await metadata('attested/document?api-version=2021-02-01');
    const file = path.join(folder, 'names.der');
    await writeFile(file, Buffer.from(signature, 'base64'));
    const { stdout } = await run('openssl', [
      'pkcs7',
      '-inform',
      'der',
      '-in',
      file,
      '-print_certs',
      '-text',
      '-noout',
    ]);
    expect(stdout).toContain('DNS:*.metadata.azure.com');
  });
});
