import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The demonstration as its user runs it. Everything it starts has the test's own TMPDIR in its environment. */
const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Demo {
  readonly pid: number;
  output(): string;
  readonly exited: Promise<number | null>;
}

/** `forewarn demo`, with everything that it makes below `folder`. */
export function startDemo(folder: string, args: readonly string[]): Demo {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', path.join(root, 'cli.ts'), 'demo', ...args],
    { cwd: folder, env: { ...process.env, TMPDIR: folder, NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => (output += text));
  }
  return {
    pid: child.pid ?? 0,
    output: () => output,
    exited: new Promise((resolve) => {
      child.on('close', (code) => {
        resolve(code);
      });
    }),
  };
}

/** Processes of this machine that have `folder` in their environment or command line, this one excepted. */
export function processesLeft(folder: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const isOurs = `${readFileSync(`/proc/${pid}/environ`, 'utf8')} ${command}`.includes(folder);
        return isOurs ? [`${pid} ${command}`] : [];
      } catch {
        return [];
      }
    });
}
