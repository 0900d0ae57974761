import { readdir } from 'node:fs/promises';
import { describeError, systemErrorCode } from '../../common/runtime/errors.ts';

/** As run-parts: no dots, so that leftovers of editors and package managers never run. */
export const HOOK_NAME = /^[A-Za-z0-9_-]{1,128}$/;

/** Leftovers that are known to be none of the operator's business; anything else that is not a hook is a mistake. */
const LEFTOVER = /^\.|~$|\.dpkg-|\.bak$|^README(\.md)?$/;

/** More executables than this in one phase are a mistake. */
const MAX_HOOKS = 64;

/** The names of the executables in `folder` in their order (none where it does not exist), or why they cannot be told. */
export async function listHooks(folder: string): Promise<readonly string[] | string> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    return systemErrorCode(error) === 'ENOENT' ? [] : describeError(error);
  }
  const wanted = names.filter((name) => !LEFTOVER.test(name)).toSorted();
  const bad = wanted.find((name) => !HOOK_NAME.test(name));
  if (bad !== undefined) return `expected names of letters, digits, - and _, found ${JSON.stringify(bad)} in ${folder}`;
  return wanted.length > MAX_HOOKS
    ? `expected at most ${MAX_HOOKS} hooks, found ${wanted.length} in ${folder}`
    : wanted;
}
