import { spawn } from 'node:child_process';
import type { Clock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';
import { markedProcesses, RUN_MARK, sendSignal } from './processes.ts';

/** Output that is kept of one run; the rest is read and dropped, so that the program does not block on a full pipe. */
const MAX_OUTPUT_BYTES = 32 * 1024;

/** After SIGTERM a program has this long to tidy up before SIGKILL. */
export const GRACE_MS = 3000;

/**
 * A process that waits for a disk or a network file system that is gone cannot be killed, and its end never comes. After so long
 * nobody waits for it any more: what comes after it (the way back into rotation among it) must not wait for ever.
 */
export const KILL_WITHIN_MS = 5000;

/** A process that left the group may hold the pipes open for ever; its output is not waited for. */
const OUTPUT_GRACE_MS = 300;

/** A process may start another between a look and the signal; a chain longer than this is a program that fights back. */
const MAX_SWEEPS = 20;

export interface Run {
  readonly file: string;
  readonly folder: string;
  /** Handed over as they are: there is no shell. */
  readonly parameters?: readonly string[];
  /** Written to standard input. */
  readonly input: string;
  /** The whole environment: nothing of the agent's own is inherited. */
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Names this run: all that carries it is ended with the run, wherever it has gone. Without it only the process group is. */
  readonly mark?: string;
  /** Called at once when the process is there, with the id of it and of its group. */
  readonly onStart?: (pid: number) => void;
}

export interface RunResult {
  readonly ok: boolean;
  /** Null when a signal ended it or it never ran. */
  readonly exitStatus: number | null;
  /** Standard output and error as they came, the beginning of it. */
  readonly output: string;
  /** Standard output alone, for programs that answer there. */
  readonly stdout: string;
  /** For people: how it ended. */
  readonly detail: string;
}

/**
 * Runs one executable without a shell, in a process group of its own, and ends all that it started when it is done, takes too
 * long, or `signal` aborts: what is to outlive it belongs to a service manager. Never rejects. `send` is how signals are sent.
 */
export async function runExecutable(
  run: Run,
  clock: Clock,
  signal: AbortSignal,
  send: typeof sendSignal = sendSignal,
): Promise<RunResult> {
  const result = await runGroup(run, clock, signal, send);
  if (run.mark !== undefined) await endMarked(run.mark);
  return result;
}

async function runGroup(run: Run, clock: Clock, signal: AbortSignal, send: typeof sendSignal): Promise<RunResult> {
  const signalGroup = (pid: number | undefined, name: 'SIGTERM' | 'SIGKILL'): void => {
    if (pid !== undefined) send(-pid, name);
  };
  return await new Promise((resolve) => {
    const child = spawn(run.file, [...(run.parameters ?? [])], {
      cwd: run.folder,
      env: { ...run.environment, ...(run.mark === undefined ? {} : { [RUN_MARK]: run.mark }) },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    if (child.pid !== undefined) run.onStart?.(child.pid);
    const output = collectOutput();
    const standardOutput = collectOutput();
    let ended: string | undefined;
    let cancelKill: () => void = () => {};
    const end = (reason: string): void => {
      if (ended !== undefined) return;
      ended = reason;
      signalGroup(child.pid, 'SIGTERM');
      cancelKill = clock.after(GRACE_MS, () => {
        signalGroup(child.pid, 'SIGKILL');
        cancelKill = clock.after(KILL_WITHIN_MS, () => {
          finish({ ok: false, exitStatus: null, detail: `${reason}; it cannot be killed, and may still be there` });
          child.unref();
        });
      });
    };
    const cancelTimeout = clock.after(run.timeoutMs, () => {
      end(`did not exit within ${run.timeoutMs} ms (sent SIGTERM, then SIGKILL)`);
    });
    const onAbort = (): void => {
      end('was ended by the agent, which stops or has newer work');
    };
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const finish = (result: Pick<RunResult, 'ok' | 'exitStatus' | 'detail'>): void => {
      cancelTimeout();
      cancelKill();
      signal.removeEventListener('abort', onAbort);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ ...result, output: output.text(), stdout: standardOutput.text() });
    };
    child.stdout.on('data', (chunk: Buffer) => {
      output.take(chunk);
      standardOutput.take(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output.take(chunk);
    });
    // A program that does not read its input is none the worse for it.
    child.stdin.on('error', () => {});
    child.stdin.end(run.input);
    child.on('error', (error) => {
      finish({ ok: false, exitStatus: null, detail: `could not be run: ${describeError(error)}` });
    });
    child.on('exit', (exitStatus, exitSignal) => {
      // What it left running in its group ends with it.
      signalGroup(child.pid, 'SIGKILL');
      const how = exitStatus === null ? `was ended by ${exitSignal}` : `exited with status ${exitStatus}`;
      const done = (): void => {
        cancelWait();
        finish({ ok: exitStatus === 0 && ended === undefined, exitStatus, detail: ended ?? how });
      };
      const cancelWait = clock.after(OUTPUT_GRACE_MS, done);
      child.once('close', done);
    });
  });
}

function collectOutput(): { take(chunk: Buffer): void; text(): string } {
  const chunks: Buffer[] = [];
  let length = 0;
  return {
    take: (chunk) => {
      if (length < MAX_OUTPUT_BYTES) chunks.push(chunk.subarray(0, MAX_OUTPUT_BYTES - length));
      length += chunk.length;
    },
    text: () => Buffer.concat(chunks).toString('utf8') + (length > MAX_OUTPUT_BYTES ? '\n[cut]' : ''),
  };
}

/** Ends what has left the group: a process can take a new session, but keeps the environment it was started with. */
async function endMarked(mark: string): Promise<void> {
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    const left = await markedProcesses((found) => found === mark);
    if (left.length === 0) return;
    for (const pid of left) sendSignal(pid, 'SIGKILL');
  }
}
