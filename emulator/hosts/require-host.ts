import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import { canListProcesses } from './vm-processes.ts';

/** Refuses the host `process` where a VM of it cannot be frozen, and says so where it would be less than whole. */
export function requireProcessHost(log: Log, platform: NodeJS.Platform = process.platform, proc?: string): void {
  if (platform === 'win32') {
    const message = 'host: process is not possible here: Windows cannot stop a process and let it go on';
    throw new UserError('NO_PROCESS_HOST', message, {
      hint: 'take host: none (the VMs are whoever connects) or host: command, or run it in WSL or a Linux container',
      exitStatus: EXIT_USAGE,
    });
  }
  if (canListProcesses(proc)) return;
  log.warn(
    { platform },
    'no /proc here: a program of a VM that makes a process group of its own is not frozen or killed with it',
  );
}
