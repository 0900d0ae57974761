import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../common/runtime/clock.ts';
import { systemEnvironment } from '../../common/runtime/environment.ts';
import { silentLog } from '../../common/runtime/log.ts';
import { HostedVm } from '../../emulator/hosts/hosted-vm.ts';
import { requireProcessHost } from '../../emulator/hosts/require-host.ts';
import { openVmFolder } from '../../emulator/hosts/vm-folder.ts';
import { canListProcesses, processesOf } from '../../emulator/hosts/vm-processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const WITHIN = { timeout: 15_000, interval: 20 } as const;
const NOWHERE = '/nowhere/proc';

/** Counts on in a file, as long as it runs. */
const APP = `
import { writeFileSync, renameSync } from 'node:fs';
let count = 0;
setInterval(() => { writeFileSync(process.argv[2] + '.new', String(++count)); renameSync(process.argv[2] + '.new', process.argv[2]); }, 20);
`;

describe('a VM of processes where the kernel tells nothing of them (macOS)', () => {
  it.skipIf(!canListProcesses())('is frozen, thawed and killed by its process group', async () => {
    const folder = temporaryFolder();
    const counter = path.join(folder, 'count');
    writeFileSync(path.join(folder, 'app.mjs'), APP);
    const vmFolder = await openVmFolder(folder, 'vm0');
    const { disk } = vmFolder;
    const vm = new HostedVm({
      plan: {
        name: 'vm0',
        run: { app: [process.execPath, path.join(folder, 'app.mjs'), counter] },
        environment: () => systemEnvironment(),
        launcher: [],
        workingFolder: folder,
      },
      folder: vmFolder,
      clock: systemClock,
      nodeFile: process.execPath,
      proc: NOWHERE,
      onCrash: () => {},
    });
    onTestFinished(async () => {
      await vm.kill();
    });
    const count = (): number => (existsSync(counter) ? Number(readFileSync(counter, 'utf8')) : 0);
    await vm.boot();
    await expect.poll(count, WITHIN).toBeGreaterThan(2);
    const { pid: initPid } = vm;
    // What this test may look into, and the host does not.
    const members = (): readonly number[] =>
      processesOf({ initPid, environmentEntry: `FOREWARN_VM_DISK=${disk}` }, process.pid);
    const states = (): string =>
      members()
        .map((pid) => /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1])
        .join('');
    expect(members()).toHaveLength(2);

    await vm.freeze();
    await expect.poll(states, WITHIN).toBe('TT');
    const frozenAt = count();
    vm.thaw();
    await expect.poll(count, WITHIN).toBeGreaterThan(frozenAt + 2);

    await vm.kill();
    await expect.poll(members, WITHIN).toEqual([]);
  });

  it('is announced as less than whole; on Windows, which cannot stop a process, it is refused', () => {
    const warned: unknown[] = [];
    requireProcessHost({ ...silentLog, warn: (fields: unknown) => warned.push(fields) }, 'darwin', NOWHERE);
    expect(warned).toEqual([{ platform: 'darwin' }]);
    expect(() => requireProcessHost(silentLog, 'win32')).toThrow('host: process is not possible here');
    expect(() => requireProcessHost(silentLog, 'linux')).not.toThrow();
  });
});
