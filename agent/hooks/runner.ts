import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';
import type { Log } from '../../common/runtime/log.ts';
import { BOOT_ID, endLeftovers } from './leftovers.ts';
import { parseStat } from './processes.ts';
import { runExecutable, type Run, type RunResult } from './run-executable.ts';

/** Runs an operator's executable; never rejects. */
export type RunProgram = (run: Run, signal: AbortSignal) => Promise<RunResult>;

/**
 * Runs executables so that the agent's next life finds them: an agent that is killed leaves its hooks running, and a hook must
 * not run twice at once. What an earlier life has left is ended before the first one runs (its exit status is lost, so it has
 * to be run again anyway; its key tells it that it is a repetition).
 *
 * `stateFolder` tells the agents of one machine apart, and holds a file for each process group that is running.
 */
export function createRunner(
  stateFolder: string,
  tools: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): RunProgram {
  const { clock, log } = tools;
  const owner = createHash('sha256').update(path.resolve(stateFolder)).digest('hex').slice(0, 16);
  const records = path.join(stateFolder, 'running');
  let runs = 0;
  let isWarned = false;
  const clear = async (): Promise<void> => {
    const { found, left } = await endLeftovers({ owner, records }, clock);
    if (found > 0) log.warn({ processes: found }, 'ended what an earlier life of this agent had left running');
    if (left.length > 0) log.error({ pids: left }, 'an earlier life of this agent has left what cannot be killed');
  };
  const cleared = clear();
  return async (run, signal) => {
    await cleared;
    let record: string | undefined;
    const result = await runExecutable(
      {
        ...run,
        mark: `${owner}.${process.pid}-${++runs}`,
        onStart: (pid) => {
          try {
            record = recordGroup(records, pid);
          } catch (error) {
            // A full or read-only disk: the mark alone still finds it.
            if (!isWarned) log.warn({ reason: describeError(error) }, 'cannot keep on disk what is running');
            isWarned = true;
          }
        },
      },
      clock,
      signal,
    );
    if (record !== undefined) rmSync(record, { force: true });
    return result;
  };
}

/** At once and without waiting: between the start and the record nothing may happen. Not synced: a power cut ends them too. */
function recordGroup(records: string, pid: number): string | undefined {
  const started = parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  if (started === undefined) return undefined;
  mkdirSync(records, { recursive: true, mode: 0o700 });
  const file = path.join(records, `${pid}`);
  writeFileSync(file, `${readFileSync(BOOT_ID, 'latin1').trim()} ${started.startTicks}`, { mode: 0o600 });
  return file;
}
