import { mkdir, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  boundConsole,
  emptyTemp,
  MAX_CONSOLE_BYTES,
  openConsole,
  openVmFolder,
  readRecord,
  writeRecord,
} from '../../../emulator/hosts/vm-folder.ts';

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(path.join(tmpdir(), 'forewarn-test-'));
});
afterEach(async () => {
  await rm(parent, { recursive: true, force: true });
});

describe('the folder of a VM', () => {
  it.each([
    ['under a file', () => path.join(parent, 'file', 'vms')],
    // The kernel answers ENOENT to every new folder there, which must not be tried for ever.
    ...(process.platform === 'linux' ? [['in /proc', () => '/proc/nowhere/vms'] as const] : []),
    ['in place of a file', () => path.join(parent, 'taken')],
  ] as const)('is refused at once %s, by one message that names it', async (_where, place) => {
    await writeFile(path.join(parent, 'file'), '');
    await mkdir(path.join(parent, 'taken', 'a'), { recursive: true });
    await writeFile(path.join(parent, 'taken', 'a', 'disk'), '');
    const wanted = { code: 'FOLDER_UNUSABLE', exitStatus: 2, message: expect.stringContaining(place()) as string };
    await expect(openVmFolder(place(), 'a')).rejects.toMatchObject(wanted);
  });

  it('remembers boots and init, and takes a broken record for none', async () => {
    const vm = await openVmFolder(parent, 'a');
    expect(await readRecord(vm)).toEqual({ boots: 0 });
    await writeRecord(vm, { boots: 3, init: { pid: 7, startTime: '99' } });
    expect(await readRecord(vm)).toEqual({ boots: 3, init: { pid: 7, startTime: '99' } });
    await writeFile(vm.recordFile, '{"boots":');
    expect(await readRecord(vm)).toEqual({ boots: 0 });
  });

  it('loses only temp/ when the VM is redeployed', async () => {
    const vm = await openVmFolder(parent, 'a');
    await writeFile(path.join(vm.disk, 'kept'), '');
    await writeFile(path.join(vm.temp, 'lost'), '');
    await emptyTemp(vm);
    await expect(stat(path.join(vm.disk, 'kept'))).resolves.toBeDefined();
    await expect(stat(path.join(vm.temp, 'lost'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('keeps a console within its bound while its writers go on', async () => {
    const vm = await openVmFolder(parent, 'a');
    const output = await openConsole(vm);
    try {
      await output.write('old');
      await truncate(vm.consoleFile, MAX_CONSOLE_BYTES + 1);
      await boundConsole(vm);
      await output.write('new');
    } finally {
      await output.close();
    }
    expect(await readFile(vm.consoleFile, 'utf8')).toBe('new');
    expect((await stat(path.join(vm.folder, 'console.1.log'))).size).toBe(MAX_CONSOLE_BYTES + 1);
  });

  it('that cannot be made is named together with the setting', async () => {
    await writeFile(path.join(parent, 'file'), '');
    await expect(openVmFolder(path.join(parent, 'file'), 'a')).rejects.toMatchObject({
      code: 'FOLDER_UNUSABLE',
      exitStatus: 2,
      message: expect.stringContaining('(setting folder)') as string,
    });
  });
});
