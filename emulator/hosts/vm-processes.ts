import { readdirSync, readFileSync } from 'node:fs';

/**
 * Which processes make up a VM. Its commands start in the session of the VM's init program, but may leave it: an agent gives
 * every hook a process group, even a session, of its own, and a process whose parent died belongs to nobody. So a process is
 * part of the VM if it is in init's session, or has an ancestor that is, or carries the VM's mark in the environment that it
 * was started with. Needs /proc (Linux); elsewhere the list is empty and callers fall back to the process group, in which
 * whatever has made a group of its own is missed.
 *
 * Only `node:fs` is imported here: the init program of every VM loads this file.
 */
export interface VmMark {
  /** Process id of the VM's init, which leads its session; undefined when only the mark is known (leftovers). */
  readonly initPid: number | undefined;
  /** `NAME=value`, one entry of the environment that no other process has. */
  readonly environmentEntry: string;
}

/** Where the kernel tells of processes; elsewhere than on Linux there is nothing. */
const PROC = '/proc';

interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
  readonly isZombie: boolean;
}

/** Process ids of the VM's live processes, init among them; never the caller's own. */
export function processesOf(mark: VmMark, self: number, proc = PROC): readonly number[] {
  const all = readProcesses(proc);
  const members = new Set<number>();
  if (mark.initPid !== undefined) members.add(mark.initPid);
  for (const found of all) {
    if (found.session === mark.initPid || hasEntry(`${proc}/${found.pid}`, mark.environmentEntry))
      members.add(found.pid);
  }
  // Children of members, and theirs, until there are no more.
  for (let before = -1; before !== members.size;) {
    before = members.size;
    for (const found of all) if (members.has(found.parent)) members.add(found.pid);
  }
  return all
    .filter((found) => members.has(found.pid) && !found.isZombie && found.pid !== self)
    .map((found) => found.pid);
}

/** False where there is no /proc: then only process groups can be signalled. */
export function canListProcesses(proc = PROC): boolean {
  return statFields(process.pid, proc) !== undefined;
}

/** When a process started, in the kernel's own ticks: with its id it names a process for ever. Undefined when it is gone. */
export function startTimeOf(pid: number): string | undefined {
  return statFields(pid)?.[19];
}

/** Sends a signal; false when the process is already gone. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

function readProcesses(proc: string): readonly ProcessFacts[] {
  let names: readonly string[];
  try {
    names = readdirSync(proc);
  } catch {
    return [];
  }
  const found: ProcessFacts[] = [];
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    const pid = Number(name);
    const fields = statFields(pid, proc);
    if (fields === undefined) continue;
    found.push({
      pid,
      parent: Number(fields[1]),
      session: Number(fields[3]),
      isZombie: fields[0] === 'Z' || fields[0] === 'X',
    });
  }
  return found;
}

/** The fields of /proc/PID/stat from the third (state) on: the second is a name in brackets that may contain anything. */
function statFields(pid: number, proc = PROC): readonly string[] | undefined {
  try {
    const text = readFileSync(`${proc}/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

function hasEntry(folder: string, entry: string): boolean {
  try {
    return `\0${readFileSync(`${folder}/environ`, 'latin1')}`.includes(`\0${entry}\0`);
  } catch {
    // Gone meanwhile, or somebody else's process.
    return false;
  }
}
