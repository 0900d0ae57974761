import { existsSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { Environment } from '../../common/runtime/environment.ts';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import { fileKeyRing, NO_KEYS, type KeyRing } from './key-ring.ts';

/** Under this name systemd hands the file over (`LoadCredential=forewarn-secrets:…`, systemd.exec(5)). */
const CREDENTIAL = 'forewarn-secrets';

export const secretsSchema = z.strictObject({ keyFile: z.string().min(1).optional() }).default({});

/** Where the keys are, or undefined for a scheduler that keeps no secrets. */
export interface KeyFile {
  readonly file: string;
  /** What an operator changes to name another. */
  readonly setting: string;
}

/**
 * The credential of the systemd unit where there is one, else the setting `secrets.keyFile`. With both the setting is for
 * `rotate-key`, which root runs outside of the unit: the file is root's alone, and systemd hands it over.
 */
export function keyFileOf(
  raw: z.output<typeof secretsSchema>,
  environment: Environment,
  folder: string,
): KeyFile | undefined {
  const credentials = environment['CREDENTIALS_DIRECTORY'];
  const handed = credentials === undefined ? undefined : path.join(credentials, CREDENTIAL);
  if (handed !== undefined && existsSync(handed)) return { file: handed, setting: `credential ${CREDENTIAL}` };
  return raw.keyFile === undefined
    ? undefined
    : { file: path.resolve(folder, raw.keyFile), setting: 'secrets.keyFile' };
}

/** Throws a `UserError` for a file that is there and holds no keys, or is named and not there. */
export function keyRingOf(keyFile: KeyFile | undefined): KeyRing {
  return keyFile === undefined ? NO_KEYS : fileKeyRing(keyFile.file, keyFile.setting);
}

/** Throws a `UserError` unless every key is there that stored secrets are sealed with: their jobs would fail one by one. */
export function assertKeysKnown(ring: KeyRing, inUse: readonly string[]): void {
  const missing = inUse.filter((id) => ring.find(id) === undefined);
  if (missing.length === 0) return;
  throw new UserError(
    'SECRET_KEY_MISSING',
    `the store holds secrets that are sealed with ${missing.length === 1 ? 'the key' : 'the keys'} ${missing.join(', ')}, which the scheduler does not have`,
    {
      hint: `name the file with the keys in the setting secrets.keyFile, or hand it over as the systemd credential ${CREDENTIAL}`,
      exitStatus: EXIT_USAGE,
    },
  );
}
