/**
 * A region in the form that is compared: clients send "West US" and "westus" for the same one, and the real service answers
 * with either.
 */
export function canonicalRegion(location: string): string {
  return location.toLowerCase().replaceAll(' ', '');
}

/** Azure's paired regions ("Azure cross-region replication pairings"); each is named once. */
const PAIRS: readonly (readonly [string, string])[] = [
  ['eastus', 'westus'],
  ['eastus2', 'centralus'],
  ['northcentralus', 'southcentralus'],
  ['westus2', 'westcentralus'],
  ['canadacentral', 'canadaeast'],
  ['northeurope', 'westeurope'],
  ['uksouth', 'ukwest'],
  ['francecentral', 'francesouth'],
  ['germanywestcentral', 'germanynorth'],
  ['switzerlandnorth', 'switzerlandwest'],
  ['norwayeast', 'norwaywest'],
  ['swedencentral', 'swedensouth'],
  ['southeastasia', 'eastasia'],
  ['australiaeast', 'australiasoutheast'],
  ['australiacentral', 'australiacentral2'],
  ['japaneast', 'japanwest'],
  ['koreacentral', 'koreasouth'],
  ['centralindia', 'southindia'],
  ['uaenorth', 'uaecentral'],
  ['southafricanorth', 'southafricawest'],
  ['chinaeast', 'chinanorth'],
  ['chinaeast2', 'chinanorth2'],
];

const PAIR_OF: ReadonlyMap<string, string> = new Map(
  PAIRS.flatMap(([one, other]) => [
    [one, other],
    [other, one],
  ]),
);

/**
 * The regions whose collections a replica must leave to others: those with a replica of their own, and those without one
 * whose pair has one. What nobody is nearer to, everybody runs: better in another region than never. `own` is undefined for
 * a replica without a region; all names are canonical.
 */
export function regionsOfOthers(own: string | undefined, live: ReadonlySet<string>): readonly string[] {
  const others = [...live].filter((region) => region !== own);
  const pairedWithThem = others
    .map((region) => PAIR_OF.get(region))
    .filter((region) => region !== undefined && region !== own && !live.has(region));
  return [...others, ...pairedWithThem.filter((region) => region !== undefined)].toSorted();
}
