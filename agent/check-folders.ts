import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { EXIT_USAGE, systemErrorCode, UserError } from '../common/runtime/errors.ts';
import { HOOK_PHASES } from './core/hook-phase.ts';
import type { AgentSettings } from './settings.ts';

/**
 * Refuses folders of hooks, tasks and privileged files that are not there, and folders of phases that do not exist: a misspelt name would mean that
 * a hook which was to guard an approval is never asked. Throws one `UserError` with every problem.
 */
export async function assertFolders(settings: Pick<AgentSettings, 'hooks' | 'tasks' | 'privileged'>): Promise<void> {
  const problems: string[] = [];
  if (settings.hooks !== undefined) {
    const { folder } = settings.hooks;
    const missing = await describeMissing('hooks.folder', folder);
    if (missing === undefined) problems.push(...(await unknownPhases('hooks.folder', folder, [])));
    else problems.push(missing);
  }
  if (settings.tasks !== undefined) {
    const missing = await describeMissing('tasks.folder', settings.tasks.folder);
    if (missing !== undefined) problems.push(missing);
  }
  if (settings.privileged !== undefined) {
    const { folder } = settings.privileged;
    const missing = await describeMissing('privileged.folder', folder);
    if (missing === undefined) problems.push(...(await unknownPhases('privileged.folder', folder, ['tasks'])));
    else problems.push(missing);
  }
  if (problems.length > 0) throw new UserError('FOLDER_UNUSABLE', problems.join('\n'), { exitStatus: EXIT_USAGE });
}

async function describeMissing(setting: string, folder: string): Promise<string | undefined> {
  try {
    if ((await stat(folder)).isDirectory()) return undefined;
    return `${setting}: expected a folder, found a file: ${folder}`;
  } catch (error) {
    const code = systemErrorCode(error);
    const found = code === 'ENOENT' ? 'found none' : `it cannot be read (${code ?? 'unknown error'})`;
    return `${setting}: expected a folder, ${found}: ${folder}`;
  }
}

async function unknownPhases(setting: string, folder: string, besides: readonly string[]): Promise<readonly string[]> {
  const known: readonly string[] = [...HOOK_PHASES, ...besides];
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => !entry.name.startsWith('.') && entry.isDirectory() && !known.includes(entry.name))
    .map(
      (entry) =>
        `${setting}: expected folders named ${known.join(', ')}, found ${JSON.stringify(path.join(folder, entry.name))}`,
    );
}
