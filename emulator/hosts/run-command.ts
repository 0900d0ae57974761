import { spawn, type ChildProcess } from 'node:child_process';
import type { Clock } from '../../common/runtime/clock.ts';
import type { Environment } from '../../common/runtime/environment.ts';
import { UserError } from '../../common/runtime/errors.ts';

export interface CommandToRun {
  /** What it is for, in the message of a failure: `freeze of VM web1`. */
  readonly what: string;
  readonly command: readonly string[];
  readonly environment: Environment;
  readonly workingFolder: string;
  readonly timeLimitMs: number;
}

/** The end of what a command said is enough to see why it failed. */
const MAX_OUTPUT_BYTES = 2000;

/**
 * Runs an operator's command to its end, without a shell and in a process group of its own. Rejects with a `UserError`
 * (`HOST_COMMAND_FAILED`) that says how it failed and the end of its output. One that takes too long, or goes on when `stop`
 * aborts, is killed with all of its group.
 */
export async function runCommand(wanted: CommandToRun, clock: Clock, stop: AbortSignal): Promise<void> {
  const [program = '', ...args] = wanted.command;
  if (stop.aborted) throw failure(wanted, 'was not started: the emulator ends', '');
  let output = Buffer.alloc(0);
  const child = spawn(program, args, {
    cwd: wanted.workingFolder,
    env: wanted.environment,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = Buffer.concat([output, chunk]).subarray(-MAX_OUTPUT_BYTES);
    });
  }
  const reason = await new Promise<string | undefined>((resolve) => {
    const kill = (why: string) => (): void => {
      killGroup(child);
      resolve(why);
    };
    const isTooLong = kill(`took longer than ${wanted.timeLimitMs} ms (commands.timeLimit)`);
    const cancel = clock.after(wanted.timeLimitMs, isTooLong);
    const isOver = kill('was ended with the emulator');
    stop.addEventListener('abort', isOver, { once: true });
    const finish = (why: string | undefined): void => {
      cancel();
      stop.removeEventListener('abort', isOver);
      resolve(why);
    };
    child.once('error', (error) => {
      finish(`could not be started (${error.message})`);
    });
    // Not `close`: something that it leaves in the background may hold its output open for ever.
    child.once('exit', (status, signal) => {
      if (status === 0) finish(undefined);
      else finish(signal === null ? `ended with status ${status ?? 0}` : `was ended by ${signal}`);
    });
  });
  child.stdout.destroy();
  child.stderr.destroy();
  if (reason !== undefined) throw failure(wanted, reason, output.toString('utf8').trim());
}

function failure(wanted: CommandToRun, reason: string, output: string): UserError {
  const said = output === '' ? '' : `; it said: ${output}`;
  return new UserError(
    'HOST_COMMAND_FAILED',
    `the command for ${wanted.what}, ${wanted.command.join(' ')}, ${reason}${said}`,
  );
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}
