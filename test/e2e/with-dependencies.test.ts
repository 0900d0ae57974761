import { spawn } from 'node:child_process';
import path from 'node:path';
import { expect, it } from 'vitest';

const ROOT = path.resolve(import.meta.dirname, '../..');

// npm starts scripts through a shell that dies of a signal without passing it on.
it('a program that npm started ends when the shell between them is killed', async () => {
  const script = path.join(ROOT, 'scripts', 'with-dependencies.mjs');
  const fleet = path.join(ROOT, 'test', 'bench', 'one-vm.yaml');
  const command = `"${process.execPath}" "${script}" "${path.join(ROOT, 'cli.ts')}" emulator --fleet "${fleet}"; true`;
  const shell = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'], cwd: ROOT });
  let output = '';
  const ended = new Promise<void>((resolve) => {
    // The pipe closes when the last program that could write to it has gone.
    shell.stdout.on('end', resolve);
  });
  await new Promise<void>((resolve) => {
    shell.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('"msg":"ready"')) resolve();
    });
  });
  shell.kill('SIGKILL');
  await ended;
  expect(output).toContain('"msg":"stopped"');
});
