import { describe, expect, it } from 'vitest';
import { admit, type AgentKey, type Claim, type EnrolmentToken } from '../../../scheduler/enrolment/admission.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');
const KEY: AgentKey = {
  scope: 'shop',
  name: 'web_0',
  vmId: 'id-0',
  publicKey: 'key-a',
  enrolledAtMs: NOW - 1000,
  rotatedAtMs: undefined,
  revokedAtMs: undefined,
};
const REVOKED = { ...KEY, revokedAtMs: NOW - 1 };
const TOKEN: EnrolmentToken = { scope: 'shop', name: undefined, expiresAtMs: NOW + 1, usedAtMs: undefined };
const claim = (publicKey: string | undefined, change: Partial<Claim> = {}): Claim => ({
  scope: 'shop',
  name: 'web_0',
  vmId: 'id-0',
  proof: publicKey === undefined ? undefined : { publicKey, isSignatureRight: true },
  ...change,
});
const REQUIRED = { now: NOW, isRequired: true };
const OPTIONAL = { now: NOW, isRequired: false };

describe('the admission of an agent', () => {
  it.each([
    ['whose key is known', claim('key-a'), KEY, undefined, REQUIRED],
    ['whose key is known, with a token that is of no use any more', claim('key-a'), KEY, 'unknown', REQUIRED],
    ['that proves nothing, where nobody must', claim(undefined), undefined, undefined, OPTIONAL],
    ['with a key that nobody knows, where nobody must prove anything', claim('key-a'), undefined, undefined, OPTIONAL],
  ] as const)('lets one in %s', (...[, who, known, token, context]) => {
    expect(admit(who, known, token, context)).toEqual({ kind: 'admitted' });
  });

  it.each([
    ['that is new, with a token of its scope', claim('key-b'), undefined, TOKEN, REQUIRED],
    ['that is new, with a token of its name', claim('key-b'), undefined, { ...TOKEN, name: 'web_0' }, REQUIRED],
    ['that lost its disk, with a token of its name', claim('key-b'), KEY, { ...TOKEN, name: 'web_0' }, REQUIRED],
    [
      'that was made anew under its old name, with a token of its name',
      claim('key-b', { vmId: 'id-9' }),
      KEY,
      { ...TOKEN, name: 'web_0' },
      REQUIRED,
    ],
    ['whose key was revoked, with a token of its scope', claim('key-b'), REVOKED, TOKEN, REQUIRED],
    ['also where nobody must', claim('key-b'), undefined, TOKEN, OPTIONAL],
  ] as const)('enrols one %s', (...[, who, known, token, context]) => {
    const { vmId } = who;
    expect(admit(who, known, token, context)).toEqual({
      kind: 'enrolled',
      key: { ...KEY, vmId, publicKey: 'key-b', enrolledAtMs: NOW },
    });
  });

  const wrong = claim(undefined, { proof: { publicKey: 'key-a', isSignatureRight: false } });
  it.each([
    ['that proves nothing', claim(undefined), undefined, undefined, REQUIRED, /not enrolled/],
    ['that proves nothing although it has a key', claim(undefined), KEY, undefined, OPTIONAL, /must prove/],
    ['that proves nothing since its key was revoked', claim(undefined), REVOKED, undefined, OPTIONAL, /must prove/],
    ['that cannot sign by its key', wrong, KEY, undefined, REQUIRED, /signature/],
    ['that cannot sign by its key, whatever its token', wrong, undefined, TOKEN, REQUIRED, /signature/],
    ['with another key', claim('key-b'), KEY, undefined, REQUIRED, /another key is known/],
    ['with another key, where nobody must', claim('key-b'), KEY, undefined, OPTIONAL, /another key is known/],
    ['with a revoked key', claim('key-a'), REVOKED, undefined, REQUIRED, /was revoked/],
    [
      'with the key of another VM',
      claim('key-a', { vmId: 'clone' }),
      KEY,
      undefined,
      REQUIRED,
      /belongs to the VM with id id-0/,
    ],
    ['with a token that was never issued', claim('key-b'), undefined, 'unknown', REQUIRED, /not known/],
    ['with a token that was used', claim('key-b'), undefined, { ...TOKEN, usedAtMs: NOW - 5 }, REQUIRED, /used before/],
    ['with a token that has expired', claim('key-b'), undefined, { ...TOKEN, expiresAtMs: NOW }, REQUIRED, /expired/],
    ['with a token of another scope', claim('key-b'), undefined, { ...TOKEN, scope: 'other' }, REQUIRED, /another VM/],
    ['with a token of another name', claim('key-b'), undefined, { ...TOKEN, name: 'web_1' }, REQUIRED, /another VM/],
    [
      'in the place of a VM that is there, with a token of the scope',
      claim('key-b'),
      KEY,
      TOKEN,
      REQUIRED,
      /revoke it first/,
    ],
  ] as const)('turns away one %s', (...[, who, known, token, context, reason]) => {
    expect(admit(who, known, token, context)).toMatchObject({ kind: 'refused', reason: expect.stringMatching(reason) });
  });
});
