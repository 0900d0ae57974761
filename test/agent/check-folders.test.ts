import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { assertFolders } from '../../agent/check-folders.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const hooksIn = (folder: string): Parameters<typeof assertFolders>[0] => ({
  hooks: { folder, timeout: 1, environment: {} },
  tasks: undefined,
  privileged: undefined,
});

describe('the folders of hooks and tasks', () => {
  it('may hold folders of phases and files', async () => {
    const folder = temporaryFolder();
    mkdirSync(path.join(folder, 'prepare'));
    writeFileSync(path.join(folder, 'README.md'), '');
    await assertFolders(hooksIn(folder));
  });

  it('are refused when a phase is misspelt, because its hooks would never run', async () => {
    const folder = temporaryFolder();
    mkdirSync(path.join(folder, 'prepared'));
    await expect(assertFolders(hooksIn(folder))).rejects.toThrow(
      /expected folders named seen, prepare, .*"[^"]*prepared"/,
    );
  });

  it('of privileged files may hold tasks besides, and no phase that does not exist either', async () => {
    const folder = temporaryFolder();
    const privileged = { folder, socket: '/run/x.sock' };
    mkdirSync(path.join(folder, 'prepare'));
    mkdirSync(path.join(folder, 'tasks'));
    await assertFolders({ hooks: undefined, tasks: undefined, privileged });
    mkdirSync(path.join(folder, 'prepares'));
    await expect(assertFolders({ hooks: undefined, tasks: undefined, privileged })).rejects.toThrow(
      /privileged\.folder: expected folders named .*"[^"]*prepares"/,
    );
  });

  it('are refused when they are not there, every one in one message', async () => {
    const folder = path.join(temporaryFolder(), 'none');
    await expect(
      assertFolders({ ...hooksIn(folder), tasks: { folder: '/dev/null', environment: {} } }),
    ).rejects.toThrow(
      `hooks.folder: expected a folder, found none: ${folder}\ntasks.folder: expected a folder, found a file: /dev/null`,
    );
  });
});
