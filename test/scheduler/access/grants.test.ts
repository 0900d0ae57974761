import { describe, expect, it } from 'vitest';
import { grantSchema, isGranted, isGrantedWithin, scopeOf, type Grant } from '../../../scheduler/access/grants.ts';
import { requirementOf } from '../../../scheduler/access/requirement.ts';

const SHOP = '/subscriptions/S/resourceGroups/G/providers/Microsoft.Scheduler/jobCollections/Shop';
const on = (scope: string, role: Grant['role'] = 'reader'): readonly Grant[] => [{ role, scope }];

describe('a grant', () => {
  it.each([
    ['/', SHOP, true],
    ['/subscriptions/s', SHOP, true],
    ['/subscriptions/S/resourcegroups/g', SHOP, true],
    [SHOP.toUpperCase(), SHOP, true],
    ['/subscriptions/s2', SHOP, false],
    ['/subscriptions/S/resourceGroups/other', SHOP, false],
    [`${SHOP}2`, SHOP, false],
    [SHOP, '/subscriptions/S', false],
    [SHOP, '/', false],
  ])('on %s holds on %s: %s', (granted, scope, holds) => {
    expect(isGranted(on(granted), 'reader', scopeOf(scope))).toBe(holds);
  });

  it('of a role holds for the roles before it and no other', () => {
    const roles = ['reader', 'operator', 'contributor', 'owner'] as const;
    const table = roles.map((has) => roles.map((needs) => isGranted(on('/', has), needs, [])));
    expect(table).toEqual([
      [true, false, false, false],
      [true, true, false, false],
      [true, true, true, false],
      [true, true, true, true],
    ]);
  });

  it('inside a scope is enough to list it', () => {
    expect(isGrantedWithin(on(SHOP), 'reader', scopeOf('/subscriptions/s'))).toBe(true);
    expect(isGrantedWithin(on(SHOP), 'reader', scopeOf('/subscriptions/other'))).toBe(false);
    expect(isGrantedWithin([], 'reader', [])).toBe(false);
  });

  it.each(['', 'subscriptions/s', '/subscriptions', '/subscriptions/s/jobs/a', `${SHOP}/jobs/a`, '//'])(
    'on %j is none',
    (scope) => {
      expect(grantSchema.safeParse({ role: 'reader', scope }).success).toBe(false);
    },
  );
});

describe('what a request takes', () => {
  it('is an owner of everything where nothing else is said', () => {
    for (const path of [
      '/',
      '/forewarn/v1/new',
      '/forewarn/v2/vms',
      '/metrics/all',
      '//forewarn/v1/vms',
      '/forewarn//v1/vms',
    ]) {
      expect(requirementOf('GET', path)).toEqual({ kind: 'granted', role: 'owner', scope: [], within: false });
    }
  });

  it('is judged by what the path means, not by how it is written', () => {
    const plain = requirementOf('DELETE', `${SHOP}/jobs/a`);
    expect(plain).toMatchObject({ role: 'contributor', scope: scopeOf(SHOP) });
    expect(requirementOf('DELETE', `${SHOP.toUpperCase()}/JOBS/A/`)).toEqual(plain);
    expect(requirementOf('DELETE', `${SHOP.replace('Shop', '%53hop')}/jobs/a`)).toEqual(plain);
    // An encoded slash is part of a name and makes no other path.
    expect(requirementOf('DELETE', SHOP.replace('/G/', '/G%2Fx/'))).not.toMatchObject({ scope: scopeOf(SHOP) });
    expect(() => requirementOf('GET', '/subscriptions/%zz')).toThrow(URIError);
  });

  it('is an operator for a job that is named like a verb only when it is one', () => {
    expect(requirementOf('POST', `${SHOP}/jobs/a/run`)).toMatchObject({ role: 'operator' });
    expect(requirementOf('PUT', `${SHOP}/jobs/run`)).toMatchObject({ role: 'contributor' });
    expect(requirementOf('DELETE', `${SHOP}/jobs/run`)).toMatchObject({ role: 'contributor' });
  });
});
