import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import { describeError, EXIT_USAGE, UserError } from '../common/runtime/errors.ts';

/** Longest path of a Unix socket (sockaddr_un of Linux; other systems allow a few bytes less). */
const MAX_SOCKET_PATH = 103;

/**
 * Folder of one demonstration. Rejects with a `UserError` when it cannot be made, or when the agents' sockets in it would have
 * too long a path.
 */
export async function createFolder(parent: string): Promise<string> {
  const prefix = path.join(parent, 'forewarn-demo-');
  if (socketIn(`${prefix}XXXXXX`).length > MAX_SOCKET_PATH) {
    throw new UserError(
      'FOLDER_TOO_DEEP',
      `the temporary folder ${parent} has too long a path for Unix sockets in it`,
      {
        hint: 'give TMPDIR a shorter one, like TMPDIR=/tmp',
        exitStatus: EXIT_USAGE,
      },
    );
  }
  try {
    return await mkdtemp(prefix);
  } catch (error) {
    throw new UserError('FOLDER_UNUSABLE', `cannot make a folder in ${parent}: ${describeError(error)}`, {
      hint: 'TMPDIR chooses another place',
      exitStatus: EXIT_USAGE,
      cause: error,
    });
  }
}

/** Socket of the agent of FrontEnd_IN_0. */
export function socketIn(folder: string): string {
  return path.join(folder, 'vms', 'FrontEnd_IN_0', 'disk', 'agent.sock');
}

/** Whoever reads the reason also needs to know where to look. */
export function withFolder(error: unknown, folder: string): unknown {
  if (!(error instanceof UserError)) return error;
  return new UserError(error.code, error.message, {
    hint: `the logs are in ${path.join(folder, 'logs')}, those of the VMs in ${path.join(folder, 'vms', '*', 'console.log')}`,
    exitStatus: error.exitStatus,
    cause: error.cause,
  });
}
