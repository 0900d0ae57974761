import { describe, expect, it } from 'vitest';
import { instanceDocument } from '../../../emulator/metadata/instance.ts';
import { walk, type InstanceNode } from '../../../emulator/metadata/instance-node.ts';
import { INSTANCE_VERSIONS, type InstanceVersion } from '../../../emulator/metadata/versions.ts';
import { FACTS } from './support.ts';

/** When the documentation says that a field came ("Instance metadata", column "Version introduced"), written down apart from the code. */
const SINCE: Readonly<Record<string, InstanceVersion>> = {
  'compute/azEnvironment': '2018-10-01',
  'compute/additionalCapabilities/hibernationEnabled': '2021-11-01',
  'compute/customData': '2019-02-01',
  'compute/evictionPolicy': '2020-12-01',
  'compute/extendedLocation/type': '2021-03-01',
  'compute/extendedLocation/name': '2021-03-01',
  'compute/host/id': '2021-11-15',
  'compute/hostGroup/id': '2021-11-15',
  'compute/isHostCompatibilityLayerVm': '2020-06-01',
  'compute/licenseType': '2020-09-01',
  'compute/osProfile/adminUsername': '2020-07-15',
  'compute/osProfile/computerName': '2020-07-15',
  'compute/osProfile/disablePasswordAuthentication': '2020-10-01',
  'compute/physicalZone': '2023-11-15',
  'compute/placementGroupId': '2017-08-01',
  'compute/plan/name': '2018-04-02',
  'compute/plan/product': '2018-04-02',
  'compute/plan/publisher': '2018-04-02',
  'compute/platformSubFaultDomain': '2021-10-01',
  'compute/priority': '2020-12-01',
  'compute/provider': '2018-10-01',
  'compute/publicKeys/0/keyData': '2018-04-02',
  'compute/publicKeys/0/path': '2018-04-02',
  'compute/resourceGroupName': '2017-08-01',
  'compute/resourceId': '2019-03-11',
  'compute/securityProfile/secureBootEnabled': '2020-06-01',
  'compute/securityProfile/virtualTpmEnabled': '2020-06-01',
  'compute/securityProfile/encryptionAtHost': '2021-11-01',
  'compute/securityProfile/securityType': '2021-12-13',
  'compute/storageProfile/imageReference/offer': '2019-06-01',
  'compute/storageProfile/osDisk/name': '2019-06-01',
  'compute/storageProfile/osDisk/encryptionSettings/enabled': '2019-06-01',
  'compute/storageProfile/osDisk/encryptionSettings/diskEncryptionKey/secretUrl': '2021-11-01',
  'compute/storageProfile/osDisk/encryptionSettings/keyEncryptionKey/sourceVault/id': '2021-11-01',
  'compute/storageProfile/dataDisks/0/lun': '2019-06-01',
  'compute/storageProfile/dataDisks/0/managedDisk/storageAccountType': '2019-06-01',
  'compute/storageProfile/dataDisks/0/bytesPerSecondThrottle': '2021-05-01',
  'compute/storageProfile/dataDisks/0/diskCapacityBytes': '2021-05-01',
  'compute/storageProfile/dataDisks/0/isSharedDisk': '2021-05-01',
  'compute/storageProfile/dataDisks/0/isUltraDisk': '2021-05-01',
  'compute/storageProfile/dataDisks/0/opsPerSecondThrottle': '2021-05-01',
  'compute/storageProfile/resourceDisk/size': '2021-02-01',
  'compute/subscriptionId': '2017-08-01',
  'compute/tags': '2017-08-01',
  'compute/tagsList/0/value': '2019-06-04',
  'compute/userData': '2021-01-01',
  'compute/virtualMachineScaleSet/id': '2021-03-01',
  'compute/vmScaleSetName': '2017-12-01',
  'compute/zone': '2017-12-01',
};

function at(path: string, version: InstanceVersion, facts = FACTS): InstanceNode | undefined {
  return walk(instanceDocument(facts, version), path.split('/'));
}

describe('a field of the instance', () => {
  it.each(Object.entries(SINCE))('%s is there from %s on and not before', (path, since) => {
    for (const version of INSTANCE_VERSIONS) {
      const found = at(path, version);
      if (version < since) expect(found, version).toBeUndefined();
      else expect(typeof found, version).toBe('string');
    }
  });

  it.each(['location', 'name', 'offer', 'osType', 'platformFaultDomain', 'platformUpdateDomain', 'publisher', 'sku'])(
    'compute/%s was always there',
    (key) => {
      for (const version of INSTANCE_VERSIONS) expect(typeof at(`compute/${key}`, version), version).toBe('string');
    },
  );

  it('is always a text, in every version', () => {
    for (const version of INSTANCE_VERSIONS) {
      expect(JSON.stringify(instanceDocument(FACTS, version))).not.toMatch(/[:[,](\d|true|false|null|-)/);
    }
  });
});

describe('the instance', () => {
  it('has, in the newest version, exactly the documented keys in their order', () => {
    const compute = at('compute', '2025-04-07') as Record<string, InstanceNode>;
    expect(Object.keys(compute)).toEqual(Object.keys(compute).toSorted((a, b) => a.localeCompare(b, 'en')));
    expect(Object.keys(compute)).toHaveLength(39);
  });

  it('has the names of the preview in its first version', () => {
    expect(at('network/interface/0', '2017-03-01')).toEqual({
      ipv4: {
        ipaddress: [{ ipaddress: '10.0.7.4', publicip: '' }],
        subnet: [{ address: '10.0.7.0', dnsservers: [], prefix: '24' }],
      },
      ipv6: { ipaddress: [] },
      mac: '000D3A000001',
    });
    expect(Object.keys(at('compute', '2017-03-01') as object)).toEqual([
      'location',
      'name',
      'offer',
      'osType',
      'platformFaultDomain',
      'platformUpdateDomain',
      'publisher',
      'sku',
      'version',
      'vmId',
      'vmSize',
    ]);
  });

  it('of a scale set has a host name and a resource id that are not its resource name', () => {
    expect(at('compute/name', '2021-02-01')).toBe('pool_3');
    expect(at('compute/osProfile/computerName', '2021-02-01')).toBe('pool000003');
    expect(at('compute/resourceId', '2021-02-01')).toMatch(/virtualMachineScaleSets\/pool\/virtualMachines\/3$/);
    const alone = { ...FACTS, name: 'db1', scaleSetName: '' };
    expect(at('compute/osProfile/computerName', '2021-02-01', alone)).toBe('db1');
    expect(at('compute/resourceId', '2021-02-01', alone)).toMatch(/Microsoft\.Compute\/virtualMachines\/db1$/);
  });

  it('gives user data in base64', () => {
    expect(at('compute/userData', '2021-01-01')).toBe('aGVsbG8=');
  });
});
