import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  fileKeyRing,
  formatKeys,
  newKey,
  parseKeys,
  type KeyRing,
  type SecretKey,
} from '../../../scheduler/secrets/key-ring.ts';
import { seal, unseal } from '../../../scheduler/secrets/seal.ts';
import { Secret, secretsIn, withSecrets } from '../../../scheduler/secrets/secret.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const ringOf = (...keys: SecretKey[]): KeyRing => ({
  newest: () => keys[0],
  find: (id) => keys.find((key) => key.id === id),
});

describe('a sealed text', () => {
  it('opens in its place with its key, and says nothing of what is in it', () => {
    const ring = ringOf(newKey());
    const { sealed } = seal(ring, 'p4ssw0rd', 'here');
    expect(sealed).not.toContain('p4ssw0rd');
    expect(unseal(ring, sealed, 'here')).toBe('p4ssw0rd');
  });

  it('is another every time', () => {
    const ring = ringOf(newKey());
    const nonces = new Set(Array.from({ length: 100 }, () => seal(ring, 'same', 'here').sealed));
    expect(nonces.size).toBe(100);
  });

  it('opens nowhere else, under no other key, and not once a bit of it was changed', () => {
    const key = newKey();
    const { sealed } = seal(ringOf(key), 'p4ssw0rd', 'here');
    expect(() => unseal(ringOf(key), sealed, 'there')).toThrow(/belongs elsewhere/);
    expect(() => unseal(ringOf(newKey()), sealed, 'here')).toThrow(`the key ${key.id} that a secret is sealed with`);
    expect(() => unseal(ringOf({ id: key.id, bytes: newKey().bytes }), sealed, 'here')).toThrow(/was changed/);
    const bytes = Buffer.from(sealed.split('.')[2] ?? '', 'base64url');
    for (const index of [0, 12, bytes.length - 1]) {
      const changed = Buffer.from(bytes);
      changed[index] = (changed[index] ?? 0) ^ 1;
      const text = `v1.${key.id}.${changed.toString('base64url')}`;
      expect(() => unseal(ringOf(key), text, 'here')).toThrow(/was changed/);
    }
    expect(() => unseal(ringOf(key), 'v1.zz', 'here')).toThrow(/was changed/);
  });

  it('is made by the newest key and opened by every one', () => {
    const [old, fresh] = [newKey(), newKey()];
    const { sealed } = seal(ringOf(old), 'x', 'here');
    const ring = ringOf(fresh, old);
    expect(seal(ring, 'x', 'here').keyId).toBe(fresh.id);
    expect(unseal(ring, sealed, 'here')).toBe('x');
  });

  it('cannot be made without a key', () => {
    expect(() => seal(ringOf(), 'x', 'here')).toThrow(/has no key/);
  });
});

describe('a key file', () => {
  it('holds keys as base64 or hex, one a line, with comments', () => {
    const [a, b] = [newKey(), newKey()];
    const text = `# newest first\n${a.bytes.toString('hex')}  # 2026\n\n${formatKeys([b])}`;
    expect(parseKeys(text)?.map((key) => key.id)).toEqual([a.id, b.id]);
  });

  it.each(['', '# nothing\n', 'c2hvcnQ=\n', 'not a key at all\n'])('%j is none', (text) => {
    expect(parseKeys(text)).toBeUndefined();
    const file = path.join(temporaryFolder(), 'keys');
    writeFileSync(file, text);
    expect(() => fileKeyRing(file, 'secrets.keyFile')).toThrow(/secrets\.keyFile: expected keys of 32 bytes/);
  });

  it('that is not there is told with the command that makes one', () => {
    expect(() => fileKeyRing('/nowhere/keys', 'secrets.keyFile')).toThrow(
      expect.objectContaining({ code: 'BAD_KEY_FILE', hint: 'forewarn scheduler rotate-key makes one' }),
    );
  });

  it('is read again when a key is asked for that it did not have', () => {
    const [a, b] = [newKey(), newKey()];
    const file = path.join(temporaryFolder(), 'keys');
    writeFileSync(file, formatKeys([a]));
    const ring = fileKeyRing(file, 'secrets.keyFile');
    writeFileSync(file, formatKeys([b, a]));
    expect(ring.newest()?.id).toBe(a.id);
    expect(ring.find(b.id)?.id).toBe(b.id);
    expect(ring.newest()?.id).toBe(b.id);
  });
});

describe('a secret', () => {
  it('is in no JSON, no text and no log', () => {
    const value = { user: 'a', password: Secret.of('p4ssw0rd'), list: [Secret.of('p4ssw0rd')] };
    expect(JSON.stringify(value)).toBe('{"user":"a","list":[null]}');
    expect(`${value.password.toString()} ${inspect(value)}`).not.toContain('p4ssw0rd');
    expect(Object.keys(value.password)).toEqual([]);
  });

  it('is found in a definition and put back into one', () => {
    const definition = { action: { type: 'Http', request: { authentication: { password: Secret.of('p') } } } };
    const found = secretsIn(definition);
    expect(found.map(([at]) => at)).toEqual(['action/request/authentication/password']);
    const back = withSecrets(JSON.parse(JSON.stringify(definition)), found);
    expect(secretsIn(back).map(([at, secret]) => [at, secret.reveal()])).toEqual([
      ['action/request/authentication/password', 'p'],
    ]);
  });
});
