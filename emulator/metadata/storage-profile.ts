import { asOf, type InstanceNode } from './instance-node.ts';
import type { InstanceFacts } from './instance.ts';
import type { InstanceVersion } from './versions.ts';

/** Local temporary disk of the default size, in kilobytes as the service counts it. */
const RESOURCE_DISK_KB = 75 * 1024 * 1024;

/**
 * `compute.storageProfile` (Azure docs, Instance Metadata Service, "Storage profile"). Managed disks without encryption; the
 * throttles are filled for Ultra disks only, so they are empty here.
 */
export function storageProfile(facts: InstanceFacts, version: InstanceVersion): InstanceNode {
  const { image } = facts.profile;
  return asOf(version, [
    ['dataDisks', '2019-06-01', facts.profile.dataDisks.map((disk, lun) => dataDisk(facts, version, { ...disk, lun }))],
    ['imageReference', '2019-06-01', { id: '', ...image }],
    ['osDisk', '2019-06-01', osDisk(facts, version)],
    ['resourceDisk', '2021-02-01', { size: `${RESOURCE_DISK_KB}` }],
  ]);
}

function osDisk(facts: InstanceFacts, version: InstanceVersion): InstanceNode {
  const name = `${facts.name}_OsDisk`;
  return asOf(version, [
    ['caching', '2019-06-01', 'ReadWrite'],
    ['createOption', '2019-06-01', 'FromImage'],
    ['diffDiskSettings', '2019-06-01', { option: '' }],
    ['diskSizeGB', '2019-06-01', `${facts.profile.osDiskSizeGb}`],
    ['encryptionSettings', '2019-06-01', encryptionSettings(version)],
    ['image', '2019-06-01', { uri: '' }],
    ['managedDisk', '2019-06-01', managedDisk(facts, name)],
    ['name', '2019-06-01', name],
    ['osType', '2019-06-01', facts.profile.osType],
    ['vhd', '2019-06-01', { uri: '' }],
    ['writeAcceleratorEnabled', '2019-06-01', 'false'],
  ]);
}

function encryptionSettings(version: InstanceVersion): InstanceNode {
  return asOf(version, [
    ['diskEncryptionKey', '2021-11-01', { secretUrl: '', sourceVault: { id: '' } }],
    ['enabled', '2019-06-01', 'false'],
    ['keyEncryptionKey', '2021-11-01', { keyUrl: '', sourceVault: { id: '' } }],
  ]);
}

function dataDisk(
  facts: InstanceFacts,
  version: InstanceVersion,
  disk: { readonly name: string; readonly sizeGb: number; readonly lun: number },
): InstanceNode {
  return asOf(version, [
    ['bytesPerSecondThrottle', '2021-05-01', ''],
    ['caching', '2019-06-01', 'None'],
    ['createOption', '2019-06-01', 'Empty'],
    ['diskCapacityBytes', '2021-05-01', ''],
    ['diskSizeGB', '2019-06-01', `${disk.sizeGb}`],
    ['image', '2019-06-01', { uri: '' }],
    ['isSharedDisk', '2021-05-01', ''],
    ['isUltraDisk', '2021-05-01', 'false'],
    ['lun', '2019-06-01', `${disk.lun}`],
    ['managedDisk', '2019-06-01', managedDisk(facts, disk.name)],
    ['name', '2019-06-01', disk.name],
    ['opsPerSecondThrottle', '2021-05-01', ''],
    ['vhd', '2019-06-01', { uri: '' }],
    ['writeAcceleratorEnabled', '2019-06-01', 'false'],
  ]);
}

function managedDisk(facts: InstanceFacts, name: string): InstanceNode {
  const group = `/subscriptions/${facts.subscriptionId}/resourceGroups/${facts.resourceGroupName}`;
  return { id: `${group}/providers/Microsoft.Compute/disks/${name}`, storageAccountType: 'StandardSSD_LRS' };
}
