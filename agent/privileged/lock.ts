import { open, readFile, rm } from 'node:fs/promises';
import type { Clock } from '../../common/runtime/clock.ts';
import { systemErrorCode } from '../../common/runtime/errors.ts';
import { parseStat } from '../hooks/processes.ts';

/**
 * A hook whose agent was killed must not run twice at once. The earlier run is being ended, because whoever asked for it has
 * gone; that takes its grace time, and then it is this one's turn.
 */
const WAIT_MS = 10_000;
const LOOK_MS = 50;

/** Holds `file` until it is released, or its holder has ended in whatever way. Undefined when it stayed taken. */
export async function takeLock(
  file: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<{ release(): Promise<void> } | undefined> {
  const own = await identity(process.pid);
  for (const untilMs = clock.monotonic() + WAIT_MS; clock.monotonic() < untilMs && !signal.aborted;) {
    try {
      const handle = await open(file, 'wx', 0o600);
      try {
        await handle.writeFile(own ?? '');
      } finally {
        await handle.close();
      }
      return {
        release: async () => {
          await rm(file, { force: true });
        },
      };
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
    }
    if (await isAbandoned(file)) await rm(file, { force: true });
    else await clock.sleep(LOOK_MS, signal);
  }
  return undefined;
}

async function isAbandoned(file: string): Promise<boolean> {
  const holder = await readFile(file, 'utf8').catch(() => '');
  // Empty: it has just been made, or just been removed.
  return holder !== '' && (await identity(Number.parseInt(holder, 10))) !== holder;
}

/** Pid and start time: a number alone comes back. */
async function identity(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  const info = parseStat(stat);
  return info && `${info.pid} ${info.startTicks}`;
}
