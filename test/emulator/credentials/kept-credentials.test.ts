import path from 'node:path';
import { expect, it } from 'vitest';
import { parseFleet } from '../../../emulator/fleet/load-fleet.ts';
import { startEmulator } from '../../../emulator/start-emulator.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const fleet = parseFleet({
  file: '/nowhere/fleet.yaml',
  text: 'control: 127.0.0.1:0\nhost: none\nvms: [{ name: a }]\n',
});

async function publishedKeys(stateFile: string | undefined): Promise<unknown> {
  await using emulator = await startEmulator({
    fleet,
    environment: {},
    programs: { node: '', forewarn: [] },
    ...(stateFile === undefined ? {} : { stateFile }),
  });
  return await (await fetch(`${emulator.control}/keys`)).json();
}

it('verifies tokens of an earlier run where the state is kept, and of no other run', async () => {
  const stateFile = path.join(temporaryFolder(), 'state.json');
  const first = await publishedKeys(stateFile);
  expect(first).toMatchObject({ keys: [{ kty: 'RSA', alg: 'RS256' }] });
  expect(await publishedKeys(stateFile)).toEqual(first);
  expect(await publishedKeys(undefined)).not.toEqual(first);
});
