import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { systemErrorCode } from './errors.ts';

/**
 * Creates a folder and whatever is missing above it; one that is there already is fine. Rejects with the system's error.
 *
 * One folder after another, because `mkdir` with `recursive` never returns under a parent that answers ENOENT to every new
 * folder, as /proc does.
 */
export async function makeFolder(folder: string): Promise<void> {
  const missing: string[] = [];
  for (let at = path.resolve(folder); !(await exists(at)); at = path.dirname(at)) missing.push(at);
  for (const next of missing.toReversed()) await makeOne(next);
  if (missing.length === 0 && !(await stat(folder)).isDirectory()) {
    throw Object.assign(new Error(`${folder} is not a folder`), { code: 'ENOTDIR' });
  }
}

/** Somebody else may have made it meanwhile. */
async function makeOne(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT') return false;
    throw error;
  }
}
