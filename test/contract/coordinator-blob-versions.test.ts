import { ContainerClient } from '@azure/storage-blob';
import { expect, it, onTestFinished } from 'vitest';
import { BlobCoordinator } from '../../agent/coordinator/blob/blob-coordinator.ts';
import { openRecordBlobs } from '../../agent/coordinator/blob/record-blobs.ts';
import type { ReportCommand } from '../../common/agreement/command.ts';
import { systemClock } from '../../common/runtime/clock.ts';
import { silentLog } from '../../common/runtime/log.ts';
import { systemRandom } from '../../common/runtime/random.ts';
import { startAzurite } from '../support/azurite.ts';

const REPORT: ReportCommand = {
  kind: 'report',
  scope: 'shop',
  eventId: 'E1',
  name: 'web_0',
  vmId: 'id-of-web_0',
  number: 1,
  eventType: 'Reboot',
  resources: ['web_0', 'web_1'],
  promise: 'prepared',
  deadlineReached: false,
  localIntent: false,
};

it('a record in a container that a newer version has written gets no answer, is not overwritten, and the log says why', async () => {
  const azurite = await startAzurite('blob');
  onTestFinished(async () => {
    await azurite.stop();
  });
  const connectionString = azurite.connectionString();
  const blobs = await openRecordBlobs({ container: 'forewarn', connectionString });
  await blobs.prepare();
  const said: unknown[] = [];
  const coordinator = new BlobCoordinator({
    blobs,
    identity: { scope: 'shop', name: 'web_0' },
    unmanaged: new Set(),
    events: { connected: () => {}, disconnected: () => {}, record: () => {} },
    clock: systemClock,
    random: systemRandom,
    log: { ...silentLog, debug: (fields) => void said.push(fields['reason']) },
  });
  const { record } = (await coordinator.submit(REPORT)) ?? {};
  expect(record).toBeDefined();
  const text = JSON.stringify({ version: 1, record: { ...record, novelty: 1 } });
  const blob = new ContainerClient(connectionString, 'forewarn').getBlockBlobClient('shop/E1.json');
  await blob.upload(text, Buffer.byteLength(text));

  expect(await coordinator.submit({ ...REPORT, number: 2 })).toBeUndefined();
  expect(await coordinator.reconcile()).toBeUndefined();
  expect((await blob.downloadToBuffer()).toString()).toBe(text);
  expect(said[0]).toContain('install the same version on all VMs');
}, 60_000);
