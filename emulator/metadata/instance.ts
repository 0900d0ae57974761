import { INSTANCE_VERSIONS, type InstanceVersion } from './versions.ts';

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
  readonly vmSize: string;
  readonly privateAddress: string;
  readonly macAddress: string;
}

/** JSON as the service has it: no numbers, no booleans, no nulls. */
export type InstanceNode = string | readonly InstanceNode[] | { readonly [key: string]: InstanceNode };

/**
 * `/metadata/instance` in one version: every key only from the version that introduced it (Azure docs, Instance Metadata
 * Service, "Instance metadata"). Keys in alphabetical order inside `compute`, as the service sends them; a missing value is
 * an empty text.
 */
export function instanceDocument(facts: InstanceFacts, version: InstanceVersion): InstanceNode {
  const number = INSTANCE_VERSIONS.indexOf(version);
  const compute: Record<string, InstanceNode> = {};
  for (const [key, since, value] of computeKeys(facts)) {
    if (INSTANCE_VERSIONS.indexOf(since) <= number) compute[key] = value;
  }
  return { compute, network: networkOf(facts) };
}

function computeKeys(facts: InstanceFacts): readonly (readonly [string, InstanceVersion, InstanceNode])[] {
  const tags = Object.entries(facts.tags);
  const resourceId = `/subscriptions/${facts.subscriptionId}/resourceGroups/${facts.resourceGroupName}/providers/Microsoft.Compute/virtualMachines/${facts.name}`;
  return [
    ['azEnvironment', '2018-10-01', 'AzurePublicCloud'],
    ['evictionPolicy', '2020-12-01', ''],
    ['isHostCompatibilityLayerVm', '2020-06-01', 'false'],
    ['licenseType', '2020-09-01', ''],
    ['location', '2017-04-02', facts.location],
    ['name', '2017-04-02', facts.name],
    ['offer', '2017-04-02', ''],
    ['osProfile', '2020-07-15', { adminUsername: '', computerName: facts.name, disablePasswordAuthentication: '' }],
    ['osType', '2017-04-02', 'Linux'],
    ['physicalZone', '2023-11-15', ''],
    ['placementGroupId', '2017-08-01', facts.placementGroupId],
    ['plan', '2018-04-02', { name: '', product: '', publisher: '' }],
    ['platformFaultDomain', '2017-04-02', `${facts.faultDomain}`],
    ['platformUpdateDomain', '2017-04-02', `${facts.updateDomain}`],
    ['priority', '2020-12-01', ''],
    ['provider', '2018-10-01', 'Microsoft.Compute'],
    ['publicKeys', '2018-04-02', []],
    ['publisher', '2017-04-02', ''],
    ['resourceGroupName', '2017-08-01', facts.resourceGroupName],
    ['resourceId', '2019-03-11', resourceId],
    ['sku', '2017-04-02', ''],
    ['subscriptionId', '2017-08-01', facts.subscriptionId],
    ['tags', '2017-08-01', tags.map(([name, value]) => `${name}:${value}`).join(';')],
    ['tagsList', '2019-06-04', tags.map(([name, value]) => ({ name, value }))],
    ['userData', '2021-01-01', ''],
    ['version', '2017-04-02', ''],
    ['vmId', '2017-04-02', facts.vmId.toLowerCase()],
    ['vmScaleSetName', '2017-12-01', facts.scaleSetName],
    ['vmSize', '2017-04-02', facts.vmSize],
    ['zone', '2017-12-01', facts.zone],
  ];
}

function networkOf(facts: InstanceFacts): InstanceNode {
  return {
    interface: [
      {
        ipv4: {
          ipAddress: [{ privateIpAddress: facts.privateAddress, publicIpAddress: '' }],
          subnet: [{ address: facts.privateAddress.replace(/\d+$/, '0'), prefix: '24' }],
        },
        ipv6: { ipAddress: [] },
        macAddress: facts.macAddress,
      },
    ],
  };
}

/** Follows path segments (keys in any case, array indexes) into a document; undefined when there is no such element. */
export function walk(root: InstanceNode, segments: readonly string[]): InstanceNode | undefined {
  let node: InstanceNode | undefined = root;
  for (const segment of segments) {
    if (node === undefined || typeof node === 'string') return undefined;
    if (isList(node)) {
      node = /^\d+$/.test(segment) ? node[Number(segment)] : undefined;
    } else {
      const wanted = segment.toLowerCase();
      node = Object.entries(node).find(([key]) => key.toLowerCase() === wanted)?.[1];
    }
  }
  return node;
}

function isList(node: InstanceNode): node is readonly InstanceNode[] {
  return Array.isArray(node);
}

/** `format=text` of an element that is not a leaf: its keys, one a line, those with children with a slash. */
export function listingOf(node: Exclude<InstanceNode, string>): string {
  const entries: readonly (readonly [string, InstanceNode])[] = isList(node)
    ? node.map((item, index) => [`${index}`, item] as const)
    : Object.entries(node);
  return entries.map(([key, value]) => (typeof value === 'string' ? key : `${key}/`)).join('\n');
}
