import { readdir, readFile } from 'node:fs/promises';
import { systemErrorCode } from '../../common/runtime/errors.ts';

/** Environment variable that everything the agent starts inherits: by it what has left its process group is found. */
export const RUN_MARK = 'FOREWARN_RUN';

/** A living process, as far as it takes to know whose it is. */
export interface ProcessInfo {
  readonly pid: number;
  readonly group: number;
  readonly session: number;
  /** When it was started, in clock ticks since boot: with the pid it names a process once and for all. */
  readonly startTicks: string;
}

/** Parses `/proc/PID/stat` (proc(5)); undefined for a process that has ended and only waits to be noticed. */
export function parseStat(text: string): ProcessInfo | undefined {
  // The name, in parentheses, may hold anything, parentheses and spaces among it; what follows the last one is numbers.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, , group, session] = fields;
  const startTicks = fields[19];
  const pid = Number.parseInt(text, 10);
  if (!Number.isInteger(pid) || state === undefined || startTicks === undefined) return undefined;
  if (state === 'Z' || state === 'X') return undefined;
  return { pid, group: Number(group), session: Number(session), startTicks };
}

/** Every living process that can be seen; none where there is no `/proc`. */
export async function listProcesses(): Promise<readonly ProcessInfo[]> {
  const found: ProcessInfo[] = [];
  for (const pid of await processIds()) {
    const info = parseStat((await readProcess(pid, 'stat')) ?? '');
    if (info !== undefined) found.push(info);
  }
  return found;
}

/** The living processes whose mark satisfies `isWanted`. Those of other users cannot be looked into and are none of ours. */
export async function markedProcesses(isWanted: (mark: string) => boolean): Promise<readonly number[]> {
  const found: number[] = [];
  for (const pid of await processIds()) {
    // An ended process has no environment left.
    const environment = (await readProcess(pid, 'environ')) ?? '';
    const mark = environment.split('\0').find((variable) => variable.startsWith(`${RUN_MARK}=`));
    if (mark !== undefined && isWanted(mark.slice(RUN_MARK.length + 1))) found.push(pid);
  }
  return found;
}

/** Sends a signal to a process, or to the group `-pid`; that nobody is there any more, or somebody else, is no error. */
export function sendSignal(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

async function processIds(): Promise<readonly number[]> {
  try {
    const names = await readdir('/proc');
    return names.filter((name) => /^\d+$/.test(name)).map(Number);
  } catch {
    return [];
  }
}

async function readProcess(pid: number, file: 'stat' | 'environ'): Promise<string | undefined> {
  try {
    return await readFile(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    // It has ended, or belongs to somebody else.
    return undefined;
  }
}
