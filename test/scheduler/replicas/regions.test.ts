import { describe, expect, it } from 'vitest';
import { canonicalRegion, regionsOfOthers } from '../../../scheduler/replicas/regions.ts';

describe('regions', () => {
  it('are the same however a client spells them', () => {
    expect(canonicalRegion('West US 2')).toBe(canonicalRegion('westus2'));
  });

  it.each<[string, string | undefined, string[], string[]]>([
    ['one replica without a region runs everything', undefined, [], []],
    ['one replica with a region runs everything', 'westus', ['westus'], []],
    ['two of one region share everything', 'westus', ['westus'], []],
    ['a pair runs its own', 'westus', ['eastus', 'westus'], ['eastus']],
    [
      'a region is left to the pair of the one that has no replica',
      'uksouth',
      ['westus', 'uksouth'],
      ['eastus', 'westus'],
    ],
    ['without a region: what nobody is nearer to', undefined, ['westus'], ['eastus', 'westus']],
    ['a region without a pair', 'moon', ['moon', 'westus'], ['eastus', 'westus']],
  ])('%s', (_title, own, live, expected) => {
    expect(regionsOfOthers(own, new Set(live))).toEqual(expected);
  });

  it('every region is run by somebody, whoever lives', () => {
    const regions = ['westus', 'eastus', 'uksouth', 'ukwest', 'moon'];
    for (let bits = 1; bits < 2 ** regions.length; bits++) {
      const live = new Set(regions.filter((_region, index) => (bits >> index) & 1));
      for (const region of regions) {
        const runners = [...live].filter((own) => !regionsOfOthers(own, live).includes(region));
        expect(runners.length, `${region} with ${[...live].join()}`).toBeGreaterThan(0);
        if (live.has(region)) expect(runners).toEqual([region]);
      }
    }
  });
});
