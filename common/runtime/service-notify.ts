import { spawn } from 'node:child_process';
import type { Clock } from './clock.ts';
import type { Environment } from './environment.ts';
import type { Log } from './log.ts';

/** The service manager gets its word within milliseconds or not at all. */
const TELL_WITHIN_MS = 5000;

/** A word that waits behind so many others is old news. */
const MAX_WAITING = 16;

/**
 * What systemd is told about this process (sd_notify(3)), through `systemd-notify`: Node.js has no datagram sockets of the kind
 * that systemd listens on. The unit needs `NotifyAccess=all`, because what speaks is a child of the service.
 */
export interface ServiceNotifier {
  /** `READY=1`, `STATUS=…`, `STOPPING=1`, …; several in one word. In the order of the calls; never throws, never blocks. */
  tell(...assignments: readonly string[]): void;
  /** Everything that was told has been said. */
  idle(): Promise<void>;
  /** How often systemd wants to hear from us at least, in milliseconds; undefined when it does not. */
  readonly watchdogMs: number | undefined;
}

/** Without systemd (no NOTIFY_SOCKET) every word is dropped. */
export function createServiceNotifier(
  environment: Environment,
  tools: { readonly log: Log; readonly program?: string },
): ServiceNotifier {
  const socket = environment['NOTIFY_SOCKET'];
  if (socket === undefined || socket === '') return { tell: () => {}, idle: async () => {}, watchdogMs: undefined };
  let waiting = 0;
  let isWarned = false;
  let tail: Promise<void> = Promise.resolve();
  const say = async (before: Promise<void>, assignments: readonly string[]): Promise<void> => {
    await before;
    const problem = await runNotify(tools.program ?? 'systemd-notify', assignments, {
      NOTIFY_SOCKET: socket,
      PATH: environment['PATH'] ?? '/usr/bin:/bin',
    });
    waiting--;
    if (problem === undefined || isWarned) return;
    isWarned = true;
    tools.log.warn({ reason: problem }, 'systemd could not be told');
  };
  return {
    tell: (...assignments) => {
      if (waiting >= MAX_WAITING) return;
      waiting++;
      tail = say(tail, assignments);
    },
    idle: async () => {
      await tail;
    },
    watchdogMs: watchdogOf(environment),
  };
}

/**
 * Feeds the watchdog for as long as `isAlive` says that the work progresses: a timer that merely fires would keep a program
 * alive that has long ceased to do anything. Until `signal` aborts; at once over when systemd wants nothing.
 */
export async function feedWatchdog(
  notifier: ServiceNotifier,
  isAlive: () => boolean,
  tools: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  const { watchdogMs } = notifier;
  if (watchdogMs === undefined) return;
  let wasAlive = true;
  while (!tools.signal.aborted) {
    const alive = isAlive();
    if (alive) notifier.tell('WATCHDOG=1');
    else if (wasAlive)
      tools.log.error({ watchdogMs }, 'nothing progresses any more; systemd will start this program anew');
    wasAlive = alive;
    // sd_watchdog_enabled(3) recommends half of the time; a third leaves room for a busy machine.
    await tools.clock.sleep(watchdogMs / 3, tools.signal);
  }
}

function watchdogOf(environment: Environment): number | undefined {
  const owner = environment['WATCHDOG_PID'];
  if (owner !== undefined && owner !== `${process.pid}`) return undefined;
  const microseconds = Number(environment['WATCHDOG_USEC']);
  return microseconds > 0 ? microseconds / 1000 : undefined;
}

/** What went wrong, or undefined. */
async function runNotify(
  program: string,
  assignments: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const child = spawn(program, assignments, { env: environment, stdio: 'ignore', timeout: TELL_WITHIN_MS });
    child.on('error', (error) => {
      resolve(error.message);
    });
    child.on('exit', (status, signal) => {
      resolve(status === 0 ? undefined : `systemd-notify ended with ${status ?? signal}`);
    });
  });
}
