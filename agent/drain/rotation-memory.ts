import { readFile, rm } from 'node:fs/promises';
import { replaceFile } from '../../common/runtime/atomic-file.ts';
import { describeError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import type { Drain } from './drain.ts';

/**
 * Remembers over a restart of the agent that the VM was in rotation, so that an upgrade takes no VM out: the file is there
 * while it is in, and names the boot that it belongs to.
 */
export interface RotationMemory {
  /** Was the VM in rotation when the agent last ran, since this boot? */
  readonly wasIn: boolean;
  /**
   * Told like a balancer. What says that the VM is in must be gone before it promises anything: an agent that had lost its
   * journal would otherwise go on in rotation. So a drain fails when the file cannot be removed; that it cannot be written
   * costs only a restart that takes the VM out.
   */
  readonly drain: Drain;
}

export async function openRotationMemory(file: string, boot: string, log: Log): Promise<RotationMemory> {
  return {
    // Without an id every start counts as a boot.
    wasIn: boot !== '' && (await readOrUndefined(file)) === boot,
    drain: {
      name: 'memory of the rotation',
      start: async () => {
        await rm(file, { force: true });
      },
      read: async () => ({ clear: true, detail: '' }),
      restore: async () => {
        try {
          await replaceFile(file, boot);
        } catch (error) {
          const reason = describeError(error);
          log.warn({ file, reason }, 'cannot keep whether the VM is in rotation; a restart takes it out');
        }
      },
    },
  };
}

/** What tells one boot of this machine from the next; `counter` is that of an emulated VM, whose machine does not reboot. */
export async function readBoot(counter: string | undefined): Promise<string> {
  const kernel = (await readOrUndefined('/proc/sys/kernel/random/boot_id'))?.trim();
  // Without an id every start counts as a boot: the VM is out until the agent has looked.
  return kernel === undefined ? '' : `${kernel} ${counter ?? ''}`.trim();
}

async function readOrUndefined(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
}
