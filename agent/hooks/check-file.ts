import { constants, type Stats } from 'node:fs';
import { lstat, open, realpath } from 'node:fs/promises';
import path from 'node:path';
import { describeError, systemErrorCode } from '../../common/runtime/errors.ts';

/** Bits of a mode that let others than the owner write. */
const GROUP_OR_WORLD_WRITABLE = 0o022;
const ANY_EXECUTE = 0o111;
/** In a folder with this bit nobody can rename or remove what belongs to another (`/tmp`). */
const STICKY = 0o1000;

export interface FileToCheck {
  /** The operator's folder; the file is in it or in a folder below it. */
  readonly root: string;
  /** Path of the file below `root`. */
  readonly relative: string;
  /** Besides root the only one who may own what is run. */
  readonly ownUserId: number;
  readonly mustBeExecutable: boolean;
}

export type FileCheck =
  /** The path without links on its way: what was checked and therefore what has to be used. */
  | { readonly kind: 'fine'; readonly file: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Whether the agent may run a file (or believe what is in it): it does so with its own rights, so only root or the agent's own
 * user may have been able to write it. That is asked of the file and of every folder above it up to `/`, because whoever can
 * write a folder can put another file in the place of this one. The operator's folder may be reached over links; below it
 * links are refused, because what they point to is written by whoever owns that. Since nobody else can change anything on the
 * way, what was checked is still there when it is run.
 */
export async function checkFile(wanted: FileToCheck): Promise<FileCheck> {
  const { ownUserId } = wanted;
  const named = path.join(wanted.root, wanted.relative);
  const refuse = (reason: string): FileCheck => ({ kind: 'refused', reason });
  const below = path.relative(wanted.root, named);
  if (below === '' || below.startsWith('..') || path.isAbsolute(below))
    return refuse(`${named} is outside ${wanted.root}`);
  try {
    const root = await realpath(wanted.root);
    const file = path.join(root, below);
    for (const folder of foldersAbove(file)) {
      const stat = await lstat(folder);
      if (!stat.isDirectory()) return refuse(`${folder} is no folder`);
      const isOperators = folder === root || folder.startsWith(`${root}${path.sep}`);
      const reason = refuseOwnership(folder, stat, { ownUserId, maySticky: !isOperators });
      if (reason !== undefined) return refuse(reason);
    }
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) return refuse(`${file} is no regular file`);
      if (wanted.mustBeExecutable && (stat.mode & ANY_EXECUTE) === 0) return refuse(`${file} is not executable`);
      const reason = refuseOwnership(file, stat, { ownUserId, maySticky: false });
      return reason === undefined ? { kind: 'fine', file } : refuse(reason);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return { kind: 'missing' };
    if (systemErrorCode(error) === 'ELOOP') return refuse(`${named} is a link`);
    return refuse(`${named} cannot be checked: ${describeError(error)}`);
  }
}

/** `/`, `/etc`, `/etc/forewarn`, … down to the folder that holds `file`. */
function foldersAbove(file: string): readonly string[] {
  const folders: string[] = [];
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    folders.unshift(folder);
    if (folder === path.dirname(folder)) return folders;
  }
}

function refuseOwnership(
  file: string,
  stat: Stats,
  rule: { readonly ownUserId: number; readonly maySticky: boolean },
): string | undefined {
  if (stat.uid !== 0 && stat.uid !== rule.ownUserId) {
    const expected = rule.ownUserId === 0 ? 'root' : `root or ${rule.ownUserId}`;
    return `${file} belongs to user ${stat.uid}, expected ${expected}`;
  }
  if (rule.maySticky && (stat.mode & STICKY) !== 0) return undefined;
  if ((stat.mode & GROUP_OR_WORLD_WRITABLE) !== 0)
    return `${file} can be written by others (mode ${(stat.mode & 0o777).toString(8)})`;
  return undefined;
}
