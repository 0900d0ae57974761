import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import path from 'node:path';
import { describeError } from '../../common/runtime/errors.ts';

/** Bits of a mode that let others than the owner write. */
const GROUP_OR_WORLD_WRITABLE = 0o022;
const ANY_EXECUTE = 0o111;

/**
 * Why `name` in `folder` must not be run, or undefined when it may: what the agent runs, it runs with its own rights, so
 * only root or the agent's own user may have written it. `root` is the operator's folder; it and every folder below it on
 * the way are held to the same. Links are refused, because what they point to is written by whoever owns that.
 */
export async function refuseExecutable(
  root: string,
  folder: string,
  name: string,
  ownUserId: number,
): Promise<string | undefined> {
  const file = path.join(folder, name);
  const relative = path.relative(root, file);
  if (relative.startsWith('..') || path.isAbsolute(relative)) return `${file} is outside ${root}`;
  try {
    let current = root;
    for (const part of ['', ...relative.split(path.sep).slice(0, -1)]) {
      current = path.join(current, part);
      const stat = await lstat(current);
      if (!stat.isDirectory()) return `${current} is no folder`;
      const reason = refuseOwnership(current, stat, ownUserId);
      if (reason !== undefined) return reason;
    }
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) return `${file} is no regular file`;
      if ((stat.mode & ANY_EXECUTE) === 0) return `${file} is not executable`;
      return refuseOwnership(file, stat, ownUserId);
    } finally {
      await handle.close();
    }
  } catch (error) {
    return `${file} cannot be checked: ${describeError(error)}`;
  }
}

function refuseOwnership(
  file: string,
  stat: { readonly uid: number; readonly mode: number },
  ownUserId: number,
): string | undefined {
  if (stat.uid !== 0 && stat.uid !== ownUserId)
    return `${file} belongs to user ${stat.uid}, expected root or ${ownUserId}`;
  if ((stat.mode & GROUP_OR_WORLD_WRITABLE) !== 0)
    return `${file} can be written by others (mode ${(stat.mode & 0o777).toString(8)})`;
  return undefined;
}
