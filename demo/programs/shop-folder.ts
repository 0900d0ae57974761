import { chmod, cp, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../../common/runtime/errors.ts';

/** Folders whose files are executed: hooks and tasks. */
const EXECUTABLE_FOLDERS = new Set(['hooks.d', 'hooks-worker.d', 'tasks.d']);

/**
 * Copies the example fleet to `folder`. A copy, because the agents rightly refuse hooks that others may write, and a
 * checkout or an unpacked package takes its permissions from the umask of whoever made it.
 * `programFolder` is that of `cli.ts`, or `dist` inside a published package.
 */
export async function copyShop(programFolder: string, folder: string): Promise<void> {
  await cp(await findShop(programFolder), folder, { recursive: true });
  await setModes(folder, false);
}

async function findShop(programFolder: string): Promise<string> {
  const candidates = [programFolder, path.dirname(programFolder)].map((parent) =>
    path.join(parent, 'examples', 'shop'),
  );
  for (const candidate of candidates) {
    const isThere = await stat(path.join(candidate, 'fleet.yaml')).then(
      (found) => found.isFile(),
      () => false,
    );
    if (isThere) return candidate;
  }
  throw new UserError(
    'EXAMPLE_MISSING',
    `expected the example fleet in ${candidates.join(' or ')}, found it in neither`,
    {
      hint: 'install the package again: it carries the folder examples/shop',
    },
  );
}

async function setModes(folder: string, areExecutable: boolean): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) await setModes(file, areExecutable || EXECUTABLE_FOLDERS.has(entry.name));
    else await chmod(file, areExecutable ? 0o755 : 0o644);
  }
}
