import { describe, expect, it } from 'vitest';
import { mayLeave, type Grants, type ServingVm } from '../../../scheduler/coordination/leaving.ts';

const vm = (name: string, change: Partial<ServingVm> = {}): ServingVm => ({
  key: `s/${name}`,
  scope: 's',
  role: 'web',
  isServing: true,
  ...change,
});
const NONE: Grants = new Map();

function ask(
  name: string,
  minimum: number,
  vms: readonly ServingVm[],
  change: { readonly grants?: Grants; readonly claimed?: readonly string[]; readonly now?: number } = {},
): ReturnType<typeof mayLeave> {
  const { grants = NONE, claimed = [], now = 0 } = change;
  return mayLeave(vm(name), minimum, { vms, claimed: new Set(claimed), grants, now });
}

describe('whether a role can do without a VM', () => {
  const three = [vm('a'), vm('b'), vm('c')];

  it('depends on how many others of the same role serve', () => {
    expect(ask('a', 2, three).granted).toBe(true);
    expect(ask('a', 3, three).granted).toBe(false);
    expect(ask('a', 2, [vm('a'), vm('b'), vm('c', { isServing: false })]).granted).toBe(false);
    expect(ask('a', 2, [vm('a'), vm('b'), vm('c', { role: 'db' })]).granted).toBe(false);
    expect(ask('a', 2, [vm('a'), vm('b'), vm('c', { scope: 'other' })]).granted).toBe(false);
  });

  it('counts a VM that was let go as out, for as long as its own word may take, and no longer', () => {
    const { granted, grants } = ask('a', 2, three);
    expect(granted).toBe(true);
    expect(ask('b', 2, three, { grants }).granted).toBe(false);
    expect(ask('a', 2, three, { grants }).granted).toBe(true);
    const later = ask('b', 2, three, { grants, now: 31_000 });
    expect(later.granted).toBe(true);
    // What is over is forgotten.
    expect([...later.grants]).toEqual([['s/b', 31_000]]);
  });

  it('leaves the grants as they are when it grants nothing', () => {
    const { grants } = ask('a', 2, three);
    expect(ask('b', 2, three, { grants }).grants).toBe(grants);
  });

  it('does not count VMs that an event names', () => {
    expect(ask('a', 2, three, { claimed: ['s/c'] })).toEqual({
      granted: false,
      detail: '1 others of role web are in service, at least 2 are wanted',
      grants: NONE,
    });
  });
});
