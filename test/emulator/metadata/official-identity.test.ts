import { createPublicKey, verify } from 'node:crypto';
import { ManagedIdentityCredential } from '@azure/identity';
import { expect, it, onTestFinished, vi } from 'vitest';
import { parseFleet } from '../../../emulator/fleet/load-fleet.ts';
import { startEmulator } from '../../../emulator/start-emulator.ts';

// A client that was never written for an emulator: Azure's own, told by its own variable where the service is.
it('gives the official client a token that the published keys verify', async () => {
  await using emulator = await startEmulator({
    fleet: parseFleet({ file: 'fleet.yaml', text: 'control: 127.0.0.1:0\nhost: none\nvms: [{ name: web1 }]' }),
    environment: {},
    programs: { node: process.execPath, forewarn: [] },
  });
  vi.stubEnv('AZURE_POD_IDENTITY_AUTHORITY_HOST', emulator.vms[0]?.metadata ?? '');
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const { token, expiresOnTimestamp } = await new ManagedIdentityCredential().getToken(
    'https://storage.azure.com/.default',
  );
  const [header = '', claims = '', signature = ''] = token.split('.');
  const { keys } = (await (await fetch(`${emulator.control}/keys`)).json()) as { keys: { kid: string }[] };
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string };
  const key = keys.find((published) => published.kid === kid);
  const publicKey = createPublicKey({ key: key as never, format: 'jwk' });
  const isSigned = verify('sha256', Buffer.from(`${header}.${claims}`), publicKey, Buffer.from(signature, 'base64url'));
  expect(isSigned).toBe(true);
  expect(expiresOnTimestamp).toBeGreaterThan(Date.now());
  expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
    aud: expect.stringContaining('storage') as string,
  });
});
