import { appendFileSync, chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { HookSubject } from '../../../agent/core/action.ts';
import { runHooks, type HookOutcome, type HookSettings } from '../../../agent/hooks/hooks.ts';
import { runExecutable } from '../../../agent/hooks/run-executable.ts';
import type { RunProgram } from '../../../agent/hooks/runner.ts';
import type { AskPrivileged } from '../../../agent/privileged/client.ts';
import { systemClock } from '../../../common/runtime/clock.ts';
import { silentLog } from '../../../common/runtime/log.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const subject: HookSubject = {
  eventId: 'E1',
  eventType: 'Reboot',
  status: 'Scheduled',
  resources: ['a', 'b'],
  notBeforeMs: 0,
  description: '',
  source: 'User',
  durationSeconds: -1,
};
const ownUserId = process.getuid?.() ?? 0;

const runProgram: RunProgram = async (run, signal) => await runExecutable(run, systemClock, signal);
const tools = { run: runProgram, log: silentLog, signal: new AbortController().signal };

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
  mkdirSync(path.join(folder, 'prepare'));
});

function script(name: string, body: string, mode = 0o755): string {
  const file = path.join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, mode);
  return file;
}

async function run(timeoutMs = 20_000, more: Partial<HookSettings> = {}): Promise<HookOutcome> {
  const settings = { folder, timeoutMs, environment: { OUT: folder }, vmName: 'vm_0', ownUserId, ...more };
  return await runHooks(settings, { phase: 'prepare', subject }, tools);
}

const read = async (name: string): Promise<string> => await readFile(path.join(folder, name), 'utf8');

describe('hooks', () => {
  it('run in the order of their names, with the event as JSON on standard input and in the environment', async () => {
    script('prepare/20-b', 'echo b >> "$OUT/order"');
    script('prepare/10-a', 'cat > "$OUT/in"; env > "$OUT/env"; echo a >> "$OUT/order"');
    expect(await run()).toEqual({ ok: true, detail: '2 hooks' });
    expect(await read('order')).toBe('a\nb\n');
    expect(JSON.parse(await read('in'))).toEqual({ ...subject, phase: 'prepare' });
    const environment = await read('env');
    for (const line of [
      'FOREWARN_EVENT_ID=E1',
      'FOREWARN_EVENT_TYPE=Reboot',
      'FOREWARN_EVENT_PHASE=prepare',
      'FOREWARN_EVENT_NOT_BEFORE=1970-01-01T00:00:00.000Z',
      'FOREWARN_EVENT_KEY=E1:prepare',
      'FOREWARN_VM_NAME=vm_0',
    ])
      expect(environment.split('\n')).toContain(line);
    expect(environment).not.toContain('HOME=');
  });

  it('have no longer than their share of a notice that is too short', async () => {
    script('prepare/10-a', 'exec sleep 30');
    const settings = { folder, timeoutMs: 25_000, environment: {}, vmName: 'vm_0', ownUserId };
    const hurried = { phase: 'prepare', subject: { ...subject, withinMs: 100 } } as const;
    expect(await runHooks(settings, hurried, tools)).toMatchObject({
      ok: false,
      detail: expect.stringContaining('within 100 ms'),
    });
  });

  it('stop at the first that fails, and the phase has failed', async () => {
    script('prepare/10-a', 'exit 3');
    script('prepare/20-b', 'echo b > "$OUT/order"');
    expect(await run()).toEqual({ ok: false, detail: 'hook "prepare/10-a" exited with status 3' });
    await expect(read('order')).rejects.toThrow('ENOENT');
  });

  it('are none where the phase has no folder', async () => {
    const settings = { folder, timeoutMs: 1, environment: {}, vmName: '', ownUserId };
    expect(await runHooks(settings, { phase: 'ready', subject }, tools)).toEqual({ ok: true, detail: '' });
  });

  it('that take too long are ended with everything they started', async () => {
    script('prepare/10-slow', 'sleep 60 & echo $! > "$OUT/child"; wait');
    expect(await run(100)).toMatchObject({ ok: false, detail: expect.stringContaining('did not exit within 100 ms') });
    const child = Number(await read('child'));
    await expect.poll(() => isRunning(child)).toBe(false);
  });

  it('that end while a child of theirs lives take that child with them', async () => {
    script('prepare/10-daemon', 'sleep 60 & echo $! > "$OUT/child"');
    expect(await run()).toMatchObject({ ok: true });
    const child = Number(await read('child'));
    await expect.poll(() => isRunning(child)).toBe(false);
  });

  it('may print without end and never read their input', async () => {
    script('prepare/10-loud', 'head -c 10000000 /dev/zero; exec 0<&-');
    expect(await run()).toMatchObject({ ok: true });
  });

  it.each([
    ['can be written by others', (): void => void script('prepare/10-a', '', 0o777), 'can be written by others'],
    ['is not executable', (): void => void script('prepare/10-a', '', 0o644), 'is not executable'],
    [
      'is a link',
      (): void => symlinkSync(script('elsewhere', 'exit 0'), path.join(folder, 'prepare/10-a')),
      'is a link',
    ],
    ['is a folder', (): void => mkdirSync(path.join(folder, 'prepare', '10-a'), undefined), 'is no regular file'],
    ['has a name that is none of a hook', (): void => void script('prepare/10-a.sh', ''), 'expected names of letters'],
    [
      'is in a folder that others can write',
      (): void => {
        script('prepare/10-a', '');
        chmodSync(path.join(folder, 'prepare'), 0o777);
      },
      'can be written by others',
    ],
  ])('fail their phase when one %s', async (_name, arrange, reason) => {
    arrange();
    expect(await run()).toMatchObject({ ok: false, detail: expect.stringContaining(reason) });
  });

  it('fail their phase when a folder far above them can be written by others', async () => {
    script('prepare/10-a', '');
    const open = path.join(folder, 'open');
    mkdirSync(path.join(open, 'hooks.d/prepare'), { recursive: true });
    script('open/hooks.d/prepare/10-a', '');
    chmodSync(open, 0o777);
    expect(await run(20_000, { folder: path.join(open, 'hooks.d') })).toEqual({
      ok: false,
      detail: `hook "prepare/10-a" must not be run: ${open} can be written by others (mode 777)`,
    });
  });

  it('are found over a link to their folder, and run from where they are', async () => {
    script('prepare/10-a', 'pwd > "$OUT/where"');
    const link = path.join(temporaryFolder(), 'link');
    symlinkSync(folder, link);
    expect(await run(20_000, { folder: link })).toMatchObject({ ok: true });
    expect(await read('where')).toBe(`${path.join(folder, 'prepare')}\n`);
  });

  it('go on after a failure where their phase is set to, but never past a file that must not be run', async () => {
    const phases = { prepare: { onFailure: 'continue' } } as const;
    script('prepare/10-a', 'exit 3');
    script('prepare/20-b', 'echo b > "$OUT/order"');
    expect(await run(20_000, { phases })).toEqual({ ok: true, detail: '2 hooks, of which failed: 10-a' });
    expect(await read('order')).toBe('b\n');
    script('prepare/30-c', '', 0o777);
    expect(await run(20_000, { phases })).toMatchObject({ ok: false });
  });

  it('have as long as their phase is given', async () => {
    script('prepare/10-a', 'sleep 60');
    const phases = { prepare: { timeout: 50, onFailure: 'fail' } } as const;
    expect(await run(60_000, { phases })).toMatchObject({ detail: expect.stringContaining('within 50 ms') });
  });

  it('of the privileged folder run among the others in the order of all names', async () => {
    const privileged = temporaryFolder();
    mkdirSync(path.join(privileged, 'prepare'));
    writeFileSync(path.join(privileged, 'prepare/15-root'), '');
    script('prepare/10-a', 'echo a >> "$OUT/order"');
    script('prepare/20-b', 'echo b >> "$OUT/order"');
    const ask: AskPrivileged = async (wish) => {
      appendFileSync(path.join(folder, 'order'), `${wish.kind} ${wish.kind === 'hook' ? wish.name : ''}\n`);
      return { ok: true, exitStatus: 0, output: '', stdout: '', detail: '' };
    };
    expect(await run(20_000, { privileged: { folder: privileged, ask } })).toEqual({ ok: true, detail: '3 hooks' });
    expect(await read('order')).toBe('a\nhook 15-root\nb\n');
  });

  it.skipIf(ownUserId !== 0)('fail their phase when one belongs to another user', async () => {
    const { chownSync } = await import('node:fs');
    chownSync(script('prepare/10-a', ''), 12_345, 0);
    expect(await run()).toMatchObject({ ok: false, detail: expect.stringContaining('belongs to user 12345') });
  });

  it('pass over what editors and package managers leave behind', async () => {
    for (const name of ['10-a~', '.swp', '10-a.dpkg-old', 'README']) script(`prepare/${name}`, 'exit 1');
    expect(await run()).toEqual({ ok: true, detail: '' });
  });
});

/** A process that has ended and waits for its parent to notice is not running. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
