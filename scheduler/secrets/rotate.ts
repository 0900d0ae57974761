import { existsSync } from 'node:fs';
import { systemClock } from '../../common/runtime/clock.ts';
import { replaceFile } from '../../common/runtime/atomic-file.ts';
import type { CommandContext } from '../../common/runtime/command.ts';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import { createLog } from '../../common/runtime/log.ts';
import { systemRandom } from '../../common/runtime/random.ts';
import { readSchedulerSettings } from '../settings.ts';
import { openStore } from '../store/open.ts';
import { formatKeys, newKey, readKeys, type SecretKey } from './key-ring.ts';
import { assertKeysKnown, keyRingOf, type KeyFile } from './settings.ts';

export interface RotateOptions {
  readonly config?: string;
  readonly resealOnly?: true;
  readonly forgetOld?: true;
  readonly json?: true;
}

/**
 * Puts a new key first in the key file, seals every secret of the store with it, and tells what was done. Interrupted anywhere
 * it leaves secrets that open, for the old keys stay in the file until everything is sealed anew.
 */
export async function rotateKey(context: CommandContext, options: RotateOptions): Promise<void> {
  const { keyFile, store: settings } = await readSchedulerSettings(options.config, context.environment, process.cwd());
  if (keyFile === undefined) {
    throw new UserError('NO_KEY_FILE', 'the settings name no file for the keys', {
      hint: 'give secrets.keyFile a path, for instance secrets.key; the file itself is made by this command',
      exitStatus: EXIT_USAGE,
    });
  }
  if (!options.resealOnly) await addKey(keyFile);
  const keys = keyRingOf(keyFile);
  const store = await openStore(settings, {
    clock: systemClock,
    random: systemRandom,
    log: createLog('scheduler', 'warn'),
    keys,
  });
  let resealed: number;
  try {
    assertKeysKnown(keys, await store.secrets.keyIds());
    resealed = await store.secrets.reseal();
  } finally {
    await store.close();
  }
  if (options.forgetOld)
    await replaceFile(keyFile.file, formatKeys(readKeys(keyFile.file, keyFile.setting).slice(0, 1)));
  const key = keys.newest()?.id ?? '';
  context.terminal.print(
    options.json
      ? JSON.stringify({ key, file: keyFile.file, resealedJobs: resealed })
      : `secrets are sealed with the key ${key} of ${keyFile.file}; jobs sealed anew: ${resealed}`,
  );
}

async function addKey({ file, setting }: KeyFile): Promise<void> {
  const known: readonly SecretKey[] = existsSync(file) ? readKeys(file, setting) : [];
  await replaceFile(file, formatKeys([newKey(), ...known]));
}
