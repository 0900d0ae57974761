import { asOf, type InstanceNode } from './instance-node.ts';
import type { InstanceProfile } from './instance-profile.ts';
import { storageProfile } from './storage-profile.ts';
import type { InstanceVersion } from './versions.ts';

/** What a VM may learn of itself. All of it text, as Azure sends it. */
export interface InstanceFacts {
  readonly name: string;
  readonly vmId: string;
  readonly location: string;
  readonly resourceGroupName: string;
  readonly subscriptionId: string;
  readonly updateDomain: number;
  readonly faultDomain: number;
  readonly zone: string;
  /** Empty outside scale sets. */
  readonly scaleSetName: string;
  /** Empty outside scale sets. */
  readonly placementGroupId: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly privateAddress: string;
  /** Empty for a VM without one. */
  readonly publicAddress: string;
  readonly macAddress: string;
  readonly profile: InstanceProfile;
}

/**
 * `/metadata/instance` in one version: every key only from the version that introduced it (Azure docs, Instance Metadata
 * Service, "Instance metadata"). Keys in alphabetical order, as the service sends them; a missing value is an empty text.
 */
export function instanceDocument(facts: InstanceFacts, version: InstanceVersion): InstanceNode {
  return { compute: computeOf(facts, version), network: networkOf(facts, version) };
}

/**
 * The documentation dates the oldest fields 2017-04-02, but the preview before it had them too (its own page of early 2017
 * shows them), so they carry the first version here.
 */
const FIRST: InstanceVersion = '2017-03-01';

function computeOf(facts: InstanceFacts, version: InstanceVersion): InstanceNode {
  const { profile } = facts;
  const tags = Object.entries(facts.tags);
  return asOf(version, [
    ['additionalCapabilities', '2021-11-01', { hibernationEnabled: 'false' }],
    ['azEnvironment', '2018-10-01', 'AzurePublicCloud'],
    ['customData', '2019-02-01', ''],
    ['evictionPolicy', '2020-12-01', profile.evictionPolicy],
    ['extendedLocation', '2021-03-01', { name: '', type: '' }],
    ['host', '2021-11-15', { id: '' }],
    ['hostGroup', '2021-11-15', { id: '' }],
    ['isHostCompatibilityLayerVm', '2020-06-01', 'false'],
    ['licenseType', '2020-09-01', profile.licenseType],
    ['location', FIRST, facts.location],
    ['name', FIRST, facts.name],
    ['offer', FIRST, profile.image.offer],
    ['osProfile', '2020-07-15', osProfile(facts, version)],
    ['osType', FIRST, profile.osType],
    ['physicalZone', '2023-11-15', facts.zone === '' ? '' : `${facts.location}-az${facts.zone}`],
    ['placementGroupId', '2017-08-01', facts.placementGroupId],
    ['plan', '2018-04-02', { ...profile.plan }],
    ['platformFaultDomain', FIRST, `${facts.faultDomain}`],
    ['platformSubFaultDomain', '2021-10-01', ''],
    ['platformUpdateDomain', FIRST, `${facts.updateDomain}`],
    ['priority', '2020-12-01', profile.priority],
    ['provider', '2018-10-01', 'Microsoft.Compute'],
    ['publicKeys', '2018-04-02', profile.publicKeys.map(({ keyData, path }) => ({ keyData, path }))],
    ['publisher', FIRST, profile.image.publisher],
    ['resourceGroupName', '2017-08-01', facts.resourceGroupName],
    ['resourceId', '2019-03-11', resourceIdOf(facts)],
    ['securityProfile', '2020-06-01', securityProfile(profile, version)],
    ['sku', FIRST, profile.image.sku],
    ['storageProfile', '2019-06-01', storageProfile(facts, version)],
    ['subscriptionId', '2017-08-01', facts.subscriptionId],
    ['tags', '2017-08-01', tags.map(([name, value]) => `${name}:${value}`).join(';')],
    ['tagsList', '2019-06-04', tags.map(([name, value]) => ({ name, value }))],
    ['userData', '2021-01-01', Buffer.from(profile.userData, 'utf8').toString('base64')],
    ['version', FIRST, profile.image.version],
    // Filled for flexible scale sets only; those of a fleet file are uniform (their VMs are named SET_NUMBER).
    ['virtualMachineScaleSet', '2021-03-01', { id: '' }],
    ['vmId', FIRST, facts.vmId.toLowerCase()],
    ['vmScaleSetName', '2017-12-01', facts.scaleSetName],
    ['vmSize', FIRST, profile.size],
    ['zone', '2017-12-01', facts.zone],
  ]);
}

function osProfile(facts: InstanceFacts, version: InstanceVersion): InstanceNode {
  const { adminUsername, osType, publicKeys } = facts.profile;
  const isKeyOnly = osType === 'Linux' ? `${publicKeys.length > 0}` : '';
  return asOf(version, [
    ['adminUsername', '2020-07-15', adminUsername],
    ['computerName', '2020-07-15', computerName(facts)],
    ['disablePasswordAuthentication', '2020-10-01', isKeyOnly],
  ]);
}

/** Six digits in base 36: how Azure names the hosts of a scale set, which is why a host name is no resource name there. */
export function computerName({ name, scaleSetName }: InstanceFacts): string {
  if (scaleSetName === '') return name;
  const instance = Number(name.slice(scaleSetName.length + 1));
  return `${scaleSetName}${instance.toString(36).toUpperCase().padStart(6, '0')}`;
}

function securityProfile({ security }: InstanceProfile, version: InstanceVersion): InstanceNode {
  return asOf(version, [
    ['encryptionAtHost', '2021-11-01', `${security.encryptionAtHost}`],
    ['secureBootEnabled', '2020-06-01', `${security.secureBoot}`],
    ['securityType', '2021-12-13', security.type],
    ['virtualTpmEnabled', '2020-06-01', `${security.virtualTpm}`],
  ]);
}

/** The VM as Azure Resource Manager names it. */
export function resourceIdOf(facts: InstanceFacts): string {
  const { name, resourceGroupName, scaleSetName, subscriptionId } = facts;
  const compute = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroupName}/providers/Microsoft.Compute`;
  return scaleSetName === ''
    ? `${compute}/virtualMachines/${name}`
    : `${compute}/virtualMachineScaleSets/${scaleSetName}/virtualMachines/${name.slice(scaleSetName.length + 1)}`;
}

function networkOf(facts: InstanceFacts, version: InstanceVersion): InstanceNode {
  const { macAddress, privateAddress, publicAddress } = facts;
  const subnet = privateAddress.replace(/\d+$/, '0');
  if (version === '2017-03-01') {
    // The preview had names of its own (Azure docs of early 2017, "Retrieving network information").
    const ipv4 = {
      ipaddress: [{ ipaddress: privateAddress, publicip: publicAddress }],
      subnet: [{ address: subnet, dnsservers: [], prefix: '24' }],
    };
    return { interface: [{ ipv4, ipv6: { ipaddress: [] }, mac: macAddress }] };
  }
  const ipv4 = {
    ipAddress: [{ privateIpAddress: privateAddress, publicIpAddress: publicAddress }],
    subnet: [{ address: subnet, prefix: '24' }],
  };
  return { interface: [{ ipv4, ipv6: { ipAddress: [] }, macAddress }] };
}
