import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** A program of ours (or of a test), running as its user would run it. */
export interface RunningProgram {
  readonly child: ChildProcess;
  /** The fields of its "ready" line. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Everything it printed so far, both streams. */
  output(): string;
  /** Asks it to end and waits until it has; kills it after 5 s. Resolves with its exit status. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Half a second with a machine to itself; seen to take more than 20 s beside a bench that keeps the disk busy. */
const READY_WITHIN_MS = 45_000;

/** Starts `forewarn …` from the sources and waits for its "ready" line. Rejects with its output when it ends before. */
export async function startForewarn(
  parameters: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<RunningProgram> {
  return await startProgram([path.join(ROOT, 'cli.ts'), ...parameters], environment);
}

/** Runs `forewarn …` from the sources to its end; both streams together. */
export async function runForewarn(
  parameters: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<{ readonly status: number | null; readonly output: string }> {
  const options = ['--disable-warning=ExperimentalWarning', path.join(ROOT, 'cli.ts'), ...parameters];
  const child = spawn(process.execPath, options, { env: { ...process.env, ...environment } });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const status = await new Promise<number | null>((resolve) => {
    child.on('close', resolve);
  });
  return { status, output };
}

/** Starts a TypeScript file with this Node.js and waits for a line of JSON whose `msg` is "ready". */
export async function startProgram(
  parameters: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<RunningProgram> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...parameters], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  const lines: string[] = [];
  const ended = new Promise<number | null>((resolve) => {
    child.on('exit', resolve);
  });
  const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
    const deadline = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`not ready within ${READY_WITHIN_MS} ms:\n${lines.join('\n')}`));
    }, READY_WITHIN_MS);
    child.on('exit', (status) => {
      clearTimeout(deadline);
      reject(new Error(`ended with status ${status} before it was ready:\n${lines.join('\n')}`));
    });
    createInterface({ input: child.stderr }).on('line', (line) => lines.push(line));
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      const fields = parseLine(line);
      if (fields?.['msg'] !== 'ready') return;
      clearTimeout(deadline);
      resolve(fields);
    });
  });
  return {
    child,
    ready,
    output: () => lines.join('\n'),
    stop: async (signal = 'SIGTERM') => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill(signal);
        const deadline = setTimeout(() => child.kill('SIGKILL'), 5000);
        await ended;
        clearTimeout(deadline);
      }
      return child.exitCode;
    },
  };
}

function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
