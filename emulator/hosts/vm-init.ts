import { spawn } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import { systemClock } from '../../common/runtime/clock.ts';
import { processesOf, signalProcess } from './vm-processes.ts';

/**
 * The first program of every VM of the process host: runs the VM's commands, starts one that failed again, and ends the VM
 * when the emulator is gone. It leads the VM's session. Kept tiny, because there is one in every VM.
 *
 * Arguments: the VM's mark (`NAME=value`), then the commands as JSON `{"app":["node","app.mjs"],…}`.
 * Standard input: `freeze` and `thaw`, one a line; its end means that the emulator died. File 3: `ready`, and `frozen`
 * after which no command is started until `thaw`. The emulator stops and kills the processes itself; init is not stopped,
 * so that a frozen VM does not outlive its emulator.
 */

/** A command that fails at once is started again after this, doubled each time up to the limit. */
const RESTART_BASE_MS = 250;
const RESTART_MAX_MS = 5000;
/** A command that ran for so long starts afresh in the counting of its failures. */
const STABLE_AFTER_MS = 10_000;
/** File descriptor that the emulator reads. */
const REPORT_FILE = 3;

const [mark = '', commandsText = '{}'] = process.argv.slice(2);
process.title = 'forewarn-vm-init';

let isFrozen = false;
const waiting = new Set<() => void>();

for (const [name, command] of Object.entries(commandsIn(commandsText))) runCommand(name, command, 0);
report('ready');

let pending = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk: string) => {
  const lines = `${pending}${chunk}`.split('\n');
  pending = lines.pop() ?? '';
  for (const line of lines) {
    if (line === 'freeze') {
      isFrozen = true;
      report('frozen');
    } else if (line === 'thaw') {
      isFrozen = false;
      for (const start of waiting) start();
      waiting.clear();
    }
  }
});
process.stdin.on('end', endVm);
process.stdin.on('error', endVm);

function runCommand(name: string, command: readonly string[], failures: number): void {
  const [program = '', ...args] = command;
  const startedMs = systemClock.monotonic();
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  let isOver = false;
  const restart = (reason: string): void => {
    if (isOver) return;
    isOver = true;
    const count = systemClock.monotonic() - startedMs >= STABLE_AFTER_MS ? 0 : failures;
    const delayMs = Math.min(RESTART_MAX_MS, RESTART_BASE_MS * 2 ** Math.min(count, 10));
    note(`${name} ${reason}; starting it again in ${delayMs} ms`);
    systemClock.after(delayMs, () => {
      const start = (): void => {
        runCommand(name, command, count + 1);
      };
      if (isFrozen) waiting.add(start);
      else start();
    });
  };
  child.on('spawn', () => {
    note(`${name} started, process ${child.pid ?? 0}`);
  });
  child.on('error', (error) => {
    restart(`could not be started (${error.message})`);
  });
  child.on('exit', (status, signal) => {
    if (status === 0) note(`${name} ended`);
    else restart(signal === null ? `failed with status ${status ?? 0}` : `was ended by ${signal}`);
  });
}

/** Kills everything of the VM that can be found, itself last. */
function endVm(): void {
  for (let round = 0; round < 20; round++) {
    const others = processesOf({ initPid: process.pid, environmentEntry: mark }, process.pid);
    if (others.length === 0) break;
    for (const pid of others) signalProcess(pid, 'SIGKILL');
  }
  signalProcess(-process.pid, 'SIGKILL');
}

function report(word: string): void {
  try {
    writeSync(REPORT_FILE, `${word}\n`);
  } catch {
    // The emulator went away; the end of standard input says so too.
    closeReport();
  }
}

function closeReport(): void {
  try {
    closeSync(REPORT_FILE);
  } catch {
    // It was closed before.
  }
}

function note(text: string): void {
  process.stderr.write(`vm-init: ${text}\n`);
}

/** The emulator wrote this text itself, but a mistake there should be said and not crash in a strange place. */
function commandsIn(text: string): Record<string, readonly string[]> {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new Error(`expected commands as JSON, got ${text}`);
  const commands: Record<string, readonly string[]> = {};
  for (const [name, command] of Object.entries(value)) {
    if (!Array.isArray(command)) throw new Error(`expected the command ${name} as a list, got ${text}`);
    commands[name] = command.map(String);
  }
  return commands;
}
