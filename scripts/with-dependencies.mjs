// Runs a program of this checkout on the project's own Node.js, installing the locked dependencies first when they are
// missing or out of date. Plain JavaScript without dependencies, because on a fresh clone it is all there is, and because
// the machine's Node.js may be older than the one that runs TypeScript.
//
// The stamp is written only after an installation that ended well, so an interrupted one is repeated.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const stampFile = path.join(root, 'node_modules', '.forewarn-lock');
const runtime = path.join(root, 'node_modules', 'node', 'bin', 'node');

const lockHash = createHash('sha256')
  .update(readFileSync(path.join(root, 'package-lock.json')))
  .digest('hex');
const isCurrent = existsSync(runtime) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === lockHash;

if (!isCurrent) {
  process.stderr.write('Installing the locked dependencies (once; about half a minute) ...\n');
  const install = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    // Standard output belongs to the program that follows (it may print JSON).
    stdio: ['ignore', process.stderr, 'inherit'],
  });
  if (install.status !== 0 || !existsSync(runtime)) {
    process.stderr.write('The dependencies could not be installed: see the lines of npm above. "npm ci" repeats it.\n');
    process.exit(1);
  }
  writeFileSync(stampFile, lockHash);
}

const child = spawn(runtime, ['--disable-warning=ExperimentalWarning', ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, PATH: [path.dirname(runtime), process.env.PATH].join(path.delimiter) },
});
// A terminal sends Ctrl-C to the whole group, child included; a supervisor sends it to this process alone.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (!process.stdin.isTTY || signal !== 'SIGINT') child.kill(signal);
  });
}
// npm hands signals to a shell that dies of them without passing them on; what is left of it is that our parent changes.
const parent = process.ppid;
const watch = setInterval(() => {
  if (process.ppid !== parent) child.kill('SIGTERM');
}, 250);
child.on('exit', (code, signal) => {
  clearInterval(watch);
  process.exitCode = signal === null ? (code ?? 1) : 128 + constants.signals[signal];
});
