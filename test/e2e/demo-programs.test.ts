import { spawn } from 'node:child_process';
import { readFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.ts';
import { startProgram, type Program } from '../../demo/programs/program.ts';

const READY = `console.log(JSON.stringify({ msg: 'ready', pid: process.pid }));`;
const FOR_EVER = 'setInterval(() => {}, 1000);';
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'forewarn-programs-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function start(script: string): Program {
  return startProgram({
    name: 'cook',
    command: [process.execPath, '-e', script],
    environment: {},
    folder,
    logFile: path.join(folder, 'cook.log'),
    clock: systemClock,
  });
}

async function pidOf(program: Program): Promise<number> {
  return ((await program.ready) as { pid: number }).pid;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a program of the demonstration', () => {
  it('is ready with the fields of its ready line, keeps a log, and ends when asked to', async () => {
    const program = start(`console.log('before'); ${READY} console.error('after'); ${FOR_EVER}`);
    const pid = await pidOf(program);
    const log = path.join(folder, 'cook.log');
    await expect.poll(async () => await readFile(log, 'utf8')).toMatch(/^before\n\{.*\}\nafter\n$/);

    await program.stop();
    await program.stop();

    expect(isAlive(pid)).toBe(false);
  });

  it('is ended by force when it does not listen', async () => {
    const program = start(`process.on('SIGTERM', () => {}); ${READY} ${FOR_EVER}`);
    const pid = await pidOf(program);
    await program.stop();
    expect(isAlive(pid)).toBe(false);
  }, 10_000);

  it('tells how it ended and its last words, when it ends before it is ready', async () => {
    const program = start(`console.error('the oven is broken'); process.exitCode = 3;`);
    await expect(program.ready).rejects.toThrow(
      'the cook ended with exit status 3. Its last lines:\n  the oven is broken',
    );
    await program.stop();
  });

  it('tells the same when it dies later', async () => {
    const program = start(`${READY} ${FOR_EVER}`);
    process.kill(await pidOf(program), 'SIGKILL');
    await expect(program.failure).rejects.toThrow('the cook was ended by SIGKILL');
    await program.stop();
  });

  it('says so when it cannot be started at all', async () => {
    const program = startProgram({
      name: 'cook',
      command: [path.join(folder, 'nobody')],
      environment: {},
      folder,
      logFile: path.join(folder, 'cook.log'),
      clock: systemClock,
    });
    await expect(program.ready).rejects.toThrow(/the cook could not be started: .*ENOENT.* It printed nothing/);
    await program.stop();
  });

  it('ends with whoever started it, also when that one ends at once', async () => {
    const module = fileURLToPath(new URL('../../demo/programs/program.ts', import.meta.url));
    const clock = fileURLToPath(new URL('../../common/runtime/clock.ts', import.meta.url));
    const parent = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `const { startProgram } = await import(${JSON.stringify(module)});
         const { systemClock: clock } = await import(${JSON.stringify(clock)});
         const command = [process.execPath, '-e', ${JSON.stringify(`${READY} ${FOR_EVER}`)}];
         const options = { name: 'cook', command, environment: {}, folder: '.', logFile: 'cook.log', clock };
         const { pid } = await startProgram(options).ready;
         console.log(pid);
         process.exit(0);`,
      ],
      { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let output = '';
    parent.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    await expect.poll(() => output, { timeout: 10_000 }).toMatch(/^\d+\n$/);
    await expect.poll(() => isAlive(Number(output)), { timeout: 5000 }).toBe(false);
  });
});
