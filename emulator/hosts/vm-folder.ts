import { copyFile, mkdir, open, readFile, rm, stat, truncate, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { replaceFile } from '../../common/runtime/atomic-file.ts';
import { systemErrorCode } from '../../common/runtime/errors.ts';
import { UserError } from '../../common/runtime/errors.ts';
import { makeFolder } from '../../common/runtime/make-folder.ts';

/** Where a VM of the process host keeps things: `disk/`, `temp/`, `console.log`, and the emulator's own `vm.json`. */
export interface VmFolder {
  readonly folder: string;
  /** Survives everything. */
  readonly disk: string;
  /** Emptied when the VM is redeployed. */
  readonly temp: string;
  readonly consoleFile: string;
  readonly recordFile: string;
}

const recordSchema = z.strictObject({
  /** How many times the VM has booted. */
  boots: z.int().nonnegative(),
  /** Its init, as it last ran: process id and start time together name it for ever. */
  init: z.strictObject({ pid: z.int().positive(), startTime: z.string() }).optional(),
});
export type VmRecord = z.output<typeof recordSchema>;

/** Creates what is missing. Rejects with a `UserError` (`FOLDER_UNUSABLE`) that names the folder. */
export async function openVmFolder(parent: string, vmName: string): Promise<VmFolder> {
  const folder = path.join(parent, vmName);
  const disk = path.join(folder, 'disk');
  const temp = path.join(folder, 'temp');
  try {
    await makeFolder(disk);
    await makeFolder(temp);
  } catch (error) {
    throw new UserError(
      'FOLDER_UNUSABLE',
      `cannot create the folder of VM ${vmName}, ${folder} (setting folder): ${systemErrorCode(error) ?? 'failed'}`,
      { exitStatus: 2, cause: error },
    );
  }
  return {
    folder,
    disk,
    temp,
    consoleFile: path.join(folder, 'console.log'),
    recordFile: path.join(folder, 'vm.json'),
  };
}

/** What an earlier run wrote. A file that is missing or unreadable counts as none: a VM then boots for the first time. */
export async function readRecord(vm: VmFolder): Promise<VmRecord> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(vm.recordFile, 'utf8')));
  } catch {
    return { boots: 0 };
  }
}

export async function writeRecord(vm: VmFolder, record: VmRecord): Promise<void> {
  await replaceFile(vm.recordFile, `${JSON.stringify(record)}\n`);
}

/** A redeployed VM comes up on another machine: its temporary disk is empty. */
export async function emptyTemp(vm: VmFolder): Promise<void> {
  await rm(vm.temp, { recursive: true, force: true });
  await mkdir(vm.temp, { recursive: true });
}

/** A VM that was deleted keeps nothing but its console, for whoever wants to know what it did. */
export async function emptyDisks(vm: VmFolder): Promise<void> {
  for (const gone of [vm.disk, vm.temp, vm.recordFile]) await rm(gone, { recursive: true, force: true });
}

/** Console output kept per VM, and as much again in `console.1.log`: days of ordinary talk, and no full disk. */
export const MAX_CONSOLE_BYTES = 10 * 1024 * 1024;

/** For appending: several processes write to it. */
export async function openConsole(vm: VmFolder): Promise<FileHandle> {
  await boundConsole(vm);
  return await open(vm.consoleFile, 'a', 0o600);
}

/** Puts a console that has grown too long aside. Its writers append, so they go on at the new start. */
export async function boundConsole(vm: VmFolder): Promise<void> {
  try {
    if ((await stat(vm.consoleFile)).size <= MAX_CONSOLE_BYTES) return;
    await copyFile(vm.consoleFile, path.join(vm.folder, 'console.1.log'));
    await truncate(vm.consoleFile);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}
