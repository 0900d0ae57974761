import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { HookSubject } from '../../../agent/core/action.ts';
import { runHooks, type HookOutcome } from '../../../agent/hooks/hooks.ts';
import { createTaskRunner } from '../../../agent/hooks/tasks.ts';
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

async function run(timeoutMs = 5000): Promise<HookOutcome> {
  const settings = { folder, timeoutMs, environment: { OUT: folder }, vmName: 'vm_0', ownUserId };
  const signal = new AbortController().signal;
  return await runHooks(settings, { phase: 'prepare', subject }, { clock: systemClock, log: silentLog, signal });
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

  it('stop at the first that fails, and the phase has failed', async () => {
    script('prepare/10-a', 'exit 3');
    script('prepare/20-b', 'echo b > "$OUT/order"');
    expect(await run()).toEqual({ ok: false, detail: 'hook "prepare/10-a" exited with status 3' });
    await expect(read('order')).rejects.toThrow('ENOENT');
  });

  it('are none where the phase has no folder', async () => {
    const settings = { folder, timeoutMs: 1, environment: {}, vmName: '', ownUserId };
    const tools = { clock: systemClock, log: silentLog, signal: new AbortController().signal };
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
    script('prepare/10-loud', 'head -c 3000000 /dev/zero; exec 0<&-');
    expect(await run()).toMatchObject({ ok: true });
  });

  it.each([
    ['can be written by others', (): void => void script('prepare/10-a', '', 0o777), 'can be written by others'],
    ['is not executable', (): void => void script('prepare/10-a', '', 0o644), 'is not executable'],
    [
      'is a link',
      (): void => symlinkSync(script('elsewhere', 'exit 0'), path.join(folder, 'prepare/10-a')),
      'cannot be checked',
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

describe('tasks', () => {
  const order = {
    workId: 'W',
    attempt: 1,
    task: 'patch',
    parameters: { version: 2 },
    timeoutMs: 5000,
    idempotencyKey: 'key',
  };
  const runner = (): ReturnType<typeof createTaskRunner> =>
    createTaskRunner(
      { folder, environment: { OUT: folder }, vmName: 'vm_0', ownUserId },
      { clock: systemClock, log: silentLog, signal: new AbortController().signal },
    );

  it('get their parameters on standard input and run once for an attempt', async () => {
    script('patch', 'cat >> "$OUT/in"; echo done');
    const tasks = runner();
    const [first, second] = await Promise.all([tasks.run(order), tasks.run(order)]);
    expect(first).toEqual({ ok: true, exitStatus: 0, output: 'done\n', detail: 'exited with status 0' });
    expect(second).toEqual(first);
    expect(await read('in')).toBe('{"version":2}\n');
  });

  it('are ended by a higher attempt, and count no more then', async () => {
    script('patch', '[ "$FOREWARN_TASK_ATTEMPT" = 1 ] && sleep 60; exit 0');
    const tasks = runner();
    const first = tasks.run(order);
    expect(await tasks.run({ ...order, attempt: 2 })).toMatchObject({ ok: true });
    expect(await first).toBeUndefined();
    expect(await tasks.run(order)).toBeUndefined();
  });

  it.each(['unknown', '../patch', 'a/b', ''])('named %j are refused', async (task) => {
    script('patch', 'exit 0');
    expect(await runner().run({ ...order, task })).toMatchObject({ ok: false, exitStatus: null });
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
