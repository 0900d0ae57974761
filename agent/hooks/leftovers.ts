import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../common/runtime/clock.ts';
import { listProcesses, markedProcesses, sendSignal, type ProcessInfo } from './processes.ts';
import { GRACE_MS, KILL_WITHIN_MS } from './run-executable.ts';

/** Start times count from boot: what was recorded before the last one is nobody any more. */
export const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** How often it is looked whether they have ended. */
const LOOK_MS = 50;

/**
 * Ends what an earlier life of the agent has left running: SIGTERM, the usual time to tidy up, SIGKILL. Found in two ways that
 * fail differently: by the process group recorded when it was started, and by the mark in the environment, which also finds
 * what has left its group. Resolves with how many processes there were once none of them is left, or with those that are
 * left because they cannot be killed. Never rejects.
 */
export async function endLeftovers(
  whose: {
    /** Beginning of the marks of this agent's runs. */
    readonly owner: string;
    /** Folder with a file for each group: its name is the pid, its content the boot and the start time. */
    readonly records: string;
  },
  clock: Clock,
  send: typeof sendSignal = sendSignal,
): Promise<{ readonly found: number; readonly left: readonly number[] }> {
  const records = await readRecords(whose.records);
  const find = async (): Promise<readonly number[]> => {
    const marked = await markedProcesses((mark) => mark.startsWith(`${whose.owner}.`));
    const grouped = records.size === 0 ? [] : recordedMembers(await listProcesses(), records);
    return [...new Set([...marked, ...grouped])].filter((pid) => pid !== process.pid);
  };
  const first = await find();
  let left = first;
  for (const pid of first) send(pid, 'SIGTERM');
  const killAtMs = clock.monotonic() + GRACE_MS;
  while (left.length > 0 && clock.monotonic() < killAtMs + KILL_WITHIN_MS) {
    if (clock.monotonic() >= killAtMs) for (const pid of left) send(pid, 'SIGKILL');
    await clock.sleep(LOOK_MS);
    left = await find();
  }
  for (const pid of records.keys()) await rm(path.join(whose.records, `${pid}`), { force: true }).catch(() => {});
  return { found: first.length, left };
}

/**
 * Members of the recorded groups. A group's number is free for others once its last member has gone: so a leader that was
 * started at another time, or members in another session, are strangers.
 */
export function recordedMembers(
  processes: readonly ProcessInfo[],
  records: ReadonlyMap<number, string>,
): readonly number[] {
  const leaders = new Map(processes.map((info) => [info.pid, info.startTicks]));
  return processes.flatMap((info) => {
    const startTicks = records.get(info.group);
    if (startTicks === undefined || startTicks === '' || info.session !== info.group) return [];
    const leader = leaders.get(info.group);
    return leader === undefined || leader === startTicks ? [info.pid] : [];
  });
}

async function readRecords(folder: string): Promise<ReadonlyMap<number, string>> {
  const records = new Map<number, string>();
  try {
    const thisBoot = (await readFile(BOOT_ID, 'latin1')).trim();
    for (const name of await readdir(folder)) {
      if (!/^\d+$/.test(name)) continue;
      const [boot, startTicks = ''] = (await readFile(path.join(folder, name), 'latin1')).split(' ');
      // An empty start time fits nobody.
      records.set(Number(name), boot === thisBoot ? startTicks : '');
    }
  } catch {
    // None yet, or unreadable: the marks are looked for all the same.
  }
  return records;
}
