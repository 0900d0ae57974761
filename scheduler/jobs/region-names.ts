import { canonicalRegion } from '../replicas/regions.ts';

/** Azure's regions as the portal writes them; the service answered with these whichever way it was asked. */
const NAMES: readonly string[] = [
  'East US',
  'East US 2',
  'Central US',
  'North Central US',
  'South Central US',
  'West US',
  'West US 2',
  'West Central US',
  'Canada Central',
  'Canada East',
  'Brazil South',
  'North Europe',
  'West Europe',
  'UK South',
  'UK West',
  'France Central',
  'France South',
  'Germany West Central',
  'Germany North',
  'Switzerland North',
  'Switzerland West',
  'Norway East',
  'Norway West',
  'Sweden Central',
  'Sweden South',
  'Southeast Asia',
  'East Asia',
  'Australia East',
  'Australia Southeast',
  'Australia Central',
  'Australia Central 2',
  'Japan East',
  'Japan West',
  'Korea Central',
  'Korea South',
  'Central India',
  'South India',
  'West India',
  'UAE North',
  'UAE Central',
  'South Africa North',
  'South Africa West',
];

export const REGION_NAMES = NAMES;

const BY_CANONICAL: ReadonlyMap<string, string> = new Map(NAMES.map((name) => [canonicalRegion(name), name]));

/** "West US" for `westus`; what is no region of Azure's stays as it was sent. */
export function regionName(location: string): string {
  return BY_CANONICAL.get(canonicalRegion(location)) ?? location;
}
