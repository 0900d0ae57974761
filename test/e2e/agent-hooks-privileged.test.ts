import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { askPrivilegedUnit, runPrivileged, type PrivilegedWish } from '../../agent/privileged/client.ts';
import { systemClock } from '../../common/runtime/clock.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const CLI = path.resolve(import.meta.dirname, '../../cli.ts');
const tools = { clock: systemClock, signal: new AbortController().signal };
const wish: PrivilegedWish = { kind: 'action', action: 'act', words: [], input: null, timeoutMs: 20_000 };

let folder: string;
let socket: string;
beforeEach(async () => {
  folder = temporaryFolder();
  mkdirSync(path.join(folder, 'privileged.d'));
  socket = path.join(folder, 'socket');
  await listenAsSystemd(socket);
});

/** Does what systemd does for a socket unit with Accept=yes: a process for each connection, which is its input and output. */
async function listenAsSystemd(file: string): Promise<void> {
  const server = createServer({ pauseOnConnect: true }, (connection) => {
    const parameters = ['agent', 'privileged', '--folder', path.join(folder, 'privileged.d'), '--locks', folder];
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, ...parameters], {
      stdio: [connection, connection, 'inherit'],
    });
    child.on('exit', () => connection.destroy());
  });
  await new Promise<void>((resolve) => server.listen(file, resolve));
  onTestFinished(() => {
    server.close();
  });
}

function script(body: string): void {
  writeFileSync(path.join(folder, 'privileged.d/act'), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
}

describe('the privileged unit', () => {
  it('runs an action and answers with its exit status and what it printed', async () => {
    script('echo "$1"; echo trouble >&2; exit 3');
    expect(await runPrivileged(socket, { action: 'act', words: ['read'], timeoutMs: 20_000 }, tools)).toEqual({
      ok: false,
      exitStatus: 3,
      output: expect.stringContaining('trouble'),
      stdout: 'read\n',
      detail: 'exited with status 3',
    });
  });

  it('ends what it runs, with all that has left for elsewhere, when the agent goes away', async () => {
    script(`setsid sh -c 'echo $$ > ${folder}/daemon; exec sleep 60' & echo $$ > ${folder}/own; sleep 60`);
    const gone = new AbortController();
    const asked = askPrivilegedUnit(socket, systemClock)(wish, gone.signal);
    await expect.poll(() => hasPid('own') && hasPid('daemon'), { timeout: 20_000 }).toBe(true);
    gone.abort();
    expect(await asked).toMatchObject({ ok: false, detail: expect.stringContaining('ended by the agent') });
    await expect.poll(() => isRunning('own') || isRunning('daemon'), { timeout: 20_000 }).toBe(false);
  });

  it('never runs the same thing twice at once', async () => {
    script(`mkdir ${folder}/busy || exit 9; sleep 0.3; rmdir ${folder}/busy`);
    const ask = askPrivilegedUnit(socket, systemClock);
    const results = await Promise.all([ask(wish, tools.signal), ask(wish, tools.signal), ask(wish, tools.signal)]);
    expect(results.map((result) => result.detail)).toEqual(Array(3).fill('exited with status 0'));
  });

  it('that is not there is a failure with a hint', async () => {
    const result = await askPrivilegedUnit(path.join(folder, 'none'), systemClock)(wish, tools.signal);
    expect(result).toMatchObject({ ok: false, detail: expect.stringContaining('forewarn-privileged.socket') });
  });
});

const hasPid = (name: string): boolean =>
  existsSync(path.join(folder, name)) && readFileSync(path.join(folder, name), 'utf8').endsWith('\n');

function isRunning(name: string): boolean {
  try {
    const pid = readFileSync(path.join(folder, name), 'utf8').trim();
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
