import { systemErrorCode, UserError, EXIT_USAGE } from '../../common/runtime/errors.ts';
import type { Environment } from '../../common/runtime/environment.ts';
import { formatAddress, type ListenableServer, type ListenAddress } from '../../common/runtime/listen.ts';

/** Number of the first socket that is passed on (sd_listen_fds(3): SD_LISTEN_FDS_START). */
const FIRST = 3;

/**
 * Number of the listening socket called `name` (FileDescriptorName= of the socket unit) that systemd has passed to the
 * process `processId`; undefined when there is none. Protocol: sd_listen_fds_with_names(3).
 */
export function inheritedSocket(environment: Environment, name: string, processId: number): number | undefined {
  // The variables of whoever started systemd-activated us are not for us.
  if (Number(environment['LISTEN_PID']) !== processId) return undefined;
  const count = Number(environment['LISTEN_FDS']);
  if (!Number.isInteger(count) || count < 1) return undefined;
  const names = environment['LISTEN_FDNAMES']?.split(':') ?? [];
  const index = names.slice(0, count).indexOf(name);
  return index < 0 ? undefined : FIRST + index;
}

/** Listens on a socket that somebody else has bound. Throws a `UserError` when it is not the address of the settings. */
export async function listenInherited(
  server: ListenableServer,
  socket: number,
  expected: ListenAddress,
): Promise<ListenAddress> {
  await new Promise<void>((resolve, reject) => {
    const onError = (error: Error): void => {
      reject(unusable(`it cannot be listened on (${systemErrorCode(error) ?? error.message})`, error));
    };
    server.once('error', onError);
    server.listen({ fd: socket }, () => {
      server.off('error', onError);
      resolve();
    });
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw unusable('it is no TCP socket');
  const found = { host: bound.address, port: bound.port };
  if (expected.port !== 0 && found.port !== expected.port)
    throw unusable(`it is bound to ${formatAddress(found)}, and gate.listen says ${formatAddress(expected)}`);
  return found;
}

function unusable(reason: string, cause?: unknown): UserError {
  return new UserError('SOCKET_UNUSABLE', `the socket that systemd passed on for the gate: ${reason}`, {
    hint: 'make ListenStream= of the socket unit and gate.listen of the settings say the same',
    exitStatus: EXIT_USAGE,
    cause,
  });
}
