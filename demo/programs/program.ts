import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Clock } from '../../common/runtime/clock.ts';
import type { Environment } from '../../common/runtime/environment.ts';
import { describeError, UserError } from '../../common/runtime/errors.ts';

/** What to start: a real process, told apart by `name` in messages. */
export interface ProgramOptions {
  readonly name: string;
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]];
  readonly environment: Environment;
  readonly folder: string;
  /** Receives everything it prints. */
  readonly logFile: string;
  readonly clock: Clock;
}

/** A program of ours that runs as a process of its own. */
export interface Program {
  readonly name: string;
  /** Resolves with the fields of its line `"msg":"ready"`, its real addresses; rejects like `failure`. */
  readonly ready: Promise<unknown>;
  /** Rejects with what happened when it ends without having been asked to. Never resolves. */
  readonly failure: Promise<never>;
  /** Ends it and resolves once it is gone: politely, and after STOP_MS by force. */
  stop(): Promise<void>;
}

/** Our programs are ready within a second or two; a machine that is busy otherwise may need longer. */
const READY_MS = 30_000;
/** How long a program may take to end. The emulator stops five VMs in this time. All together must stay below 5 s. */
const STOP_MS = 3500;
/** How long to wait for the output of a program that has ended. */
const LAST_WORDS_MS = 300;
/** Lines shown when a program ends unexpectedly. */
const LAST_LINES = 15;

/**
 * Starts a program. What goes wrong, from a missing file to an end hours later, comes as a `UserError` (`PROGRAM_ENDED`) with
 * the program's last lines; one that says nothing for READY_MS is ended and counts as failed.
 */
export function startProgram(options: ProgramOptions): Program {
  const [file, ...args] = options.command;
  const child = spawn(file, args, {
    cwd: options.folder,
    env: options.environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A session of its own: Ctrl-C reaches the demonstration alone, which then ends its programs in the right order.
    detached: true,
  });
  endWithUs(child);
  const life: Life = { isStopping: false, reason: undefined };
  const output = collectOutput(child, options.logFile);
  const exited = untilExited(child, options.clock);
  const late = options.clock.after(READY_MS, () => {
    life.reason = `was not ready within ${READY_MS / 1000} s`;
    child.kill('SIGKILL');
  });
  const failure = failWhenGone(options, { exited, life, lastLines: output.lastLines });
  const ready = Promise.race([output.ready, failure]).finally(late);
  // Whoever starts a program may end it before asking whether it is ready.
  for (const promise of [failure, ready]) promise.catch(() => {});
  return {
    name: options.name,
    ready,
    failure,
    stop: async () => {
      life.isStopping = true;
      if (isAlive(child)) child.kill('SIGTERM');
      const cancel = options.clock.after(STOP_MS, () => {
        child.kill('SIGKILL');
      });
      await exited;
      cancel();
    },
  };
}

interface Life {
  isStopping: boolean;
  /** Why we ended it, where that was not asked for. */
  reason: string | undefined;
}

/**
 * Whoever ends this process at once (a second Ctrl-C, the reader of our output that went away, a bug) must not leave programs
 * behind: they are told to end, and do so in an orderly way by themselves.
 */
function endWithUs(child: ChildProcess): void {
  const onExit = (): void => {
    child.kill('SIGTERM');
  };
  process.once('exit', onExit);
  child.once('exit', () => {
    process.off('exit', onExit);
  });
}

async function untilExited(child: ChildProcess, clock: Clock): Promise<string> {
  return await new Promise<string>((resolve) => {
    child.once('error', (error) => {
      resolve(`could not be started: ${describeError(error)}`);
    });
    child.once('exit', (code, signal) => {
      const how = signal === null ? `ended with exit status ${code}` : `was ended by ${signal}`;
      // Its last words count, but something it left behind may keep its output open.
      clock.after(LAST_WORDS_MS, () => {
        resolve(how);
      });
      child.once('close', () => {
        resolve(how);
      });
    });
  });
}

function isAlive(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

async function failWhenGone(
  options: ProgramOptions,
  watched: {
    readonly exited: Promise<string>;
    readonly life: Readonly<Life>;
    readonly lastLines: () => readonly string[];
  },
): Promise<never> {
  const ended = await watched.exited;
  const how = watched.life.reason ?? ended;
  // Asked to end: that is no failure, and nobody may wait for one any more.
  if (watched.life.isStopping) return await new Promise<never>(() => {});
  const lines = watched.lastLines();
  const said =
    lines.length === 0 ? 'It printed nothing.' : `Its last lines:\n${lines.map((line) => `  ${line}`).join('\n')}`;
  throw new UserError('PROGRAM_ENDED', `the ${options.name} ${how}. ${said}`, { hint: `see ${options.logFile}` });
}

/** Copies what the program prints into its log file, keeps the last lines, and finds the ready line. */
function collectOutput(
  child: ChildProcess,
  logFile: string,
): { readonly ready: Promise<unknown>; readonly lastLines: () => readonly string[] } {
  const lines: string[] = [];
  const log = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
  // A full disk must not end the demonstration: the log is for reading afterwards.
  log.on('error', () => {});
  const ready = new Promise<unknown>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      onLines(stream, (line) => {
        log.write(`${line}\n`);
        lines.push(line);
        if (lines.length > LAST_LINES) lines.shift();
        const fields = readyFields(line);
        if (fields !== undefined) resolve(fields);
      });
    }
  });
  child.once('close', () => {
    log.end();
  });
  return { ready, lastLines: () => lines };
}

function onLines(stream: Readable, take: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Infinity }).on('line', take);
}

/** The fields of a JSON log line whose message is "ready", or undefined for any other line. */
export function readyFields(line: string): unknown {
  if (!line.includes('"ready"')) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    const isReady = typeof value === 'object' && value !== null && 'msg' in value && value.msg === 'ready';
    return isReady ? value : undefined;
  } catch {
    return undefined;
  }
}
