import { describe, expect, it } from 'vitest';
import { Leaving, type ServingVm } from '../../../scheduler/coordination/leaving.ts';

const vm = (name: string, change: Partial<ServingVm> = {}): ServingVm => ({
  key: `s/${name}`,
  scope: 's',
  role: 'web',
  isServing: true,
  ...change,
});
const ask = (leaving: Leaving, name: string, minimum: number, vms: readonly ServingVm[]): boolean =>
  leaving.ask({ scope: 's', name, role: 'web' }, minimum, { vms, claimed: new Set(), now: 0 }).granted;

describe('whether a role can do without a VM', () => {
  const three = [vm('a'), vm('b'), vm('c')];

  it('depends on how many others of the same role serve', () => {
    expect(ask(new Leaving(), 'a', 2, three)).toBe(true);
    expect(ask(new Leaving(), 'a', 3, three)).toBe(false);
    expect(ask(new Leaving(), 'a', 2, [vm('a'), vm('b'), vm('c', { isServing: false })])).toBe(false);
    expect(ask(new Leaving(), 'a', 2, [vm('a'), vm('b'), vm('c', { role: 'db' })])).toBe(false);
    expect(ask(new Leaving(), 'a', 2, [vm('a'), vm('b'), vm('c', { scope: 'other' })])).toBe(false);
  });

  it('counts a VM that was let go, for as long as its own word may take', () => {
    const leaving = new Leaving();
    expect(ask(leaving, 'a', 2, three)).toBe(true);
    expect(ask(leaving, 'b', 2, three)).toBe(false);
    expect(ask(leaving, 'a', 2, three)).toBe(true);
    const later = { vms: three, claimed: new Set<string>(), now: 31_000 };
    expect(leaving.ask({ scope: 's', name: 'b', role: 'web' }, 2, later).granted).toBe(true);
  });

  it('goes by a VM’s own word once it has said that it is out', () => {
    const leaving = new Leaving();
    expect(ask(leaving, 'a', 2, three)).toBe(true);
    expect(ask(leaving, 'b', 2, [vm('a', { isServing: false }), vm('b'), vm('c')])).toBe(false);
    expect(ask(leaving, 'b', 2, three)).toBe(true);
  });

  it('does not count VMs that an event names', () => {
    const fleet = { vms: three, claimed: new Set(['s/c']), now: 0 };
    expect(new Leaving().ask({ scope: 's', name: 'A', role: 'web' }, 2, fleet)).toEqual({
      granted: false,
      detail: '1 others of role web are in service, at least 2 are wanted',
      isNews: true,
    });
  });

  it('is news once, and again after a while', () => {
    const leaving = new Leaving();
    const news = [0, 5000, 10_000, 700_000].map(
      (now) => leaving.ask({ scope: 's', name: 'a', role: 'web' }, 9, { vms: three, claimed: new Set(), now }).isNews,
    );
    expect(news).toEqual([true, false, false, true]);
  });
});
