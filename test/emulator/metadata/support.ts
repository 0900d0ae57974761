import type { ManagedIdentity, MetadataCredentials } from '../../../emulator/metadata/credentials.ts';
import type { InstanceFacts } from '../../../emulator/metadata/instance.ts';
import { offeredVersions } from '../../../emulator/metadata/offered-versions.ts';
import { DEFAULT_PROFILE } from '../../../emulator/metadata/instance-profile.ts';
import type { MetadataVm } from '../../../emulator/metadata/respond.ts';
import { EventsRenderer } from '../../../emulator/metadata/scheduled-events.ts';
import { START_MS } from '../support.ts';
import type { ScopeState } from '../../../emulator/platform/state.ts';

export const FACTS: InstanceFacts = {
  name: 'pool_3',
  vmId: 'AAAA-BBBB',
  location: 'westeurope',
  resourceGroupName: 'group',
  subscriptionId: 'sub',
  updateDomain: 3,
  faultDomain: 1,
  zone: '2',
  scaleSetName: 'pool',
  placementGroupId: 'pg',
  tags: { team: 'shop', tier: 'web' },
  privateAddress: '10.0.7.4',
  publicAddress: '',
  macAddress: '000D3A000001',
  profile: {
    ...DEFAULT_PROFILE,
    dataDisks: [{ name: 'data', sizeGb: 64 }],
    publicKeys: [{ path: '/home/azureuser/.ssh/authorized_keys', keyData: 'ssh-ed25519 AAAA' }],
    userData: 'hello',
  },
};

export const IDENTITY: ManagedIdentity = { clientId: 'C1', objectId: 'O1', resourceId: '/r/1' };

/** Signs by putting in writing what would be signed. */
function testCredentials(): MetadataCredentials {
  return {
    now: () => START_MS,
    signToken: async (claims) => JSON.stringify(claims),
    signDocument: async (content) => content,
  };
}

export interface TestVm extends MetadataVm {
  /** What was approved, as it was sent. */
  readonly approved: string[];
}

/** A metadata service whose scope has no events but takes approvals of `known` (upper case). */
export function metadataVm(known: readonly string[] = [], more: Partial<MetadataVm> = {}): TestVm {
  const approved: string[] = [];
  const scope: ScopeState = { name: 'pool', kind: 'scale-set', isEnabled: true, incarnation: 7, events: [] };
  return {
    approved,
    facts: FACTS,
    versions: offeredVersions(),
    renderer: new EventsRenderer(),
    enablingMs: () => 0,
    credentials: testCredentials(),
    tenantId: 'TENANT',
    identities: [IDENTITY, { clientId: 'C2', objectId: 'O2', resourceId: '/r/2' }],
    balancing: () => undefined,
    scope: () => scope,
    approve: (eventIds) => {
      const areKnown = eventIds.every((eventId) => known.includes(eventId.toUpperCase()));
      if (areKnown) approved.push(...eventIds);
      return areKnown;
    },
    ...more,
  };
}
