import { readFileSync } from 'node:fs';

/** Kernel ticks a second in /proc/PID/stat; 100 on every Linux that matters. */
const KERNEL_TICKS = 100;

/** Processor seconds, user and system, that a process has used. */
export function processorSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / KERNEL_TICKS;
}

/** Resident memory of a process. */
export function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}
