import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { endLeftovers, recordedMembers } from '../../../agent/hooks/leftovers.ts';
import { parseStat, RUN_MARK } from '../../../agent/hooks/processes.ts';
import { runExecutable } from '../../../agent/hooks/run-executable.ts';
import { createRunner, type RunProgram } from '../../../agent/hooks/runner.ts';
import { systemClock } from '../../../common/runtime/clock.ts';
import { silentLog } from '../../../common/runtime/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const signal = new AbortController().signal;
const startRunner = (state: string): RunProgram => createRunner(state, { clock: systemClock, log: silentLog, signal });

function script(folder: string, body: string): string {
  const file = path.join(folder, 'script');
  writeFileSync(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return file;
}

async function runScript(state: string, body: string): ReturnType<RunProgram> {
  const run = { file: script(state, body), folder: state, input: '', environment: { OUT: state }, timeoutMs: 20_000 };
  return await startRunner(state)(run, signal);
}

describe('what an executable has started', () => {
  it('is ended with it also when it has left for a session of its own', async () => {
    const state = temporaryFolder();
    const forks = 'setsid sh -c \'echo $$ > "$OUT/pid"; exec sleep 60\' >/dev/null 2>&1 </dev/null &';
    expect(await runScript(state, `${forks}\nwhile [ ! -s "$OUT/pid" ]; do :; done`)).toMatchObject({ ok: true });
    expect(isRunning(pidIn(state))).toBe(false);
  });

  it('is on record while it runs, and no longer', async () => {
    const state = temporaryFolder();
    // The record may be a moment younger than the process.
    const waits = 'while [ ! -s "$OUT/running/$$" ]; do sleep 0.01; done; echo recorded';
    expect(await runScript(state, waits)).toMatchObject({ stdout: 'recorded\n' });
    expect(readdirSync(path.join(state, 'running'))).toEqual([]);
  });
});

/** Time passes for whoever is waited for, without anybody waiting for it. */
async function passing<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  const progress = { isDone: false };
  const wait = async (): Promise<T> => {
    try {
      return await work;
    } finally {
      progress.isDone = true;
    }
  };
  const waiting = wait();
  while (!progress.isDone) {
    await clock.advance(1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return await waiting;
}

// A disk or network file system that is gone makes such; here the signals do not arrive.
describe('what cannot be killed', () => {
  it('is not waited for longer than it may take to die', async () => {
    const state = temporaryFolder();
    const clock = new FakeClock();
    const run = {
      file: '/bin/sleep',
      folder: state,
      parameters: ['60'],
      input: '',
      environment: {},
      timeoutMs: 60_000,
    };
    let child = 0;
    const onStart = (pid: number): void => {
      child = pid;
      onTestFinished(() => void process.kill(pid, 'SIGKILL'));
    };
    const result = await passing(
      clock,
      runExecutable({ ...run, onStart }, clock, signal, () => {}),
    );
    expect(result).toMatchObject({ ok: false, detail: expect.stringContaining('it cannot be killed') });
    expect(isRunning(child)).toBe(true);
  });

  it('of an earlier life keeps nothing from being run for ever', async () => {
    const state = temporaryFolder();
    const owner = ownerOf(state);
    const left = spawn('/bin/sleep', ['60'], { stdio: 'ignore', env: { [RUN_MARK]: `${owner}.1-1` } });
    onTestFinished(() => void left.kill('SIGKILL'));
    const clock = new FakeClock();
    const records = path.join(state, 'running');
    const found = await passing(
      clock,
      endLeftovers({ owner, records }, clock, () => {}),
    );
    expect(found).toEqual({ found: 1, left: [left.pid] });
  });
});

describe('what an earlier life of the agent has left running', () => {
  it.each([
    ['by its mark', (state: string): Record<string, string> => ({ [RUN_MARK]: `${ownerOf(state)}.1-1` }), false],
    ['by its process group', (): Record<string, string> => ({}), true],
  ])('is found %s and ended before anything is run', async (_name, environment, isRecorded) => {
    const state = temporaryFolder();
    const left = spawn('/bin/sleep', ['60'], { detached: true, stdio: 'ignore', env: environment(state) });
    onTestFinished(() => void left.kill('SIGKILL'));
    const { pid = 0 } = left;
    if (isRecorded) {
      mkdirSync(path.join(state, 'running'));
      const started = parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.startTicks;
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
      writeFileSync(path.join(state, 'running', `${pid}`), `${boot} ${started}`);
    }
    const check = `grep -qs '^State:.[^Z]' /proc/${pid}/status && echo alive || echo gone`;
    expect(await runScript(state, check)).toMatchObject({ stdout: 'gone\n' });
    expect(existsSync(path.join(state, 'running', `${pid}`))).toBe(false);
  });

  it('is not taken for that of another agent on the same machine', async () => {
    const left = spawn('/bin/sleep', ['60'], {
      stdio: 'ignore',
      env: { [RUN_MARK]: `${ownerOf(temporaryFolder())}.1-1` },
    });
    onTestFinished(() => void left.kill('SIGKILL'));
    await runScript(temporaryFolder(), 'exit 0');
    expect(isRunning(left.pid ?? 0)).toBe(true);
  });
});

describe('the members of a recorded group', () => {
  const info = (pid: number, group: number, startTicks: string): NonNullable<ReturnType<typeof parseStat>> => ({
    pid,
    group,
    session: group,
    startTicks,
  });

  it('are all that are in it, also when its leader has gone', () => {
    const records = new Map([[10, '5']]);
    expect(recordedMembers([info(10, 10, '5'), info(11, 10, '6'), info(12, 12, '5')], records)).toEqual([10, 11]);
    expect(recordedMembers([info(11, 10, '6')], records)).toEqual([11]);
  });

  it('are none when its number belongs to somebody else by now, or was recorded before the last boot', () => {
    expect(recordedMembers([info(10, 10, '9'), info(11, 10, '9')], new Map([[10, '5']]))).toEqual([]);
    expect(recordedMembers([info(10, 10, '9')], new Map([[10, '']]))).toEqual([]);
    expect(recordedMembers([{ ...info(11, 10, '9'), session: 1 }], new Map([[10, '5']]))).toEqual([]);
  });
});

describe('a line of /proc/PID/stat', () => {
  it('is read whatever the name of the program is', () => {
    const rest = '1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 777 1 1';
    expect(parseStat(`42 (a) S (b) S ${rest}`)).toEqual({ pid: 42, group: 42, session: 42, startTicks: '777' });
    expect(parseStat(`42 (sh) Z ${rest}`)).toBeUndefined();
    expect(parseStat('')).toBeUndefined();
  });
});

const pidIn = (state: string): number => Number(readFileSync(path.join(state, 'pid'), 'utf8'));

/** The mark's beginning as the runner of this state folder makes it. */
function ownerOf(state: string): string {
  return createHash('sha256').update(state).digest('hex').slice(0, 16);
}

/** A process that has ended and waits for its parent to notice is not running. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
