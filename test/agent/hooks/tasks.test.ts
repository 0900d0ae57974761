import { chmodSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { runExecutable, type RunResult } from '../../../agent/hooks/run-executable.ts';
import { acceptParameters, readDeclaration } from '../../../agent/hooks/task-declaration.ts';
import type { TaskOrder } from '../../../agent/hooks/task-order.ts';
import { createTaskRunner, type TaskRunner } from '../../../agent/hooks/tasks.ts';
import type { PrivilegedWish } from '../../../agent/privileged/client.ts';
import { systemClock } from '../../../common/runtime/clock.ts';
import { silentLog } from '../../../common/runtime/log.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const ownUserId = process.getuid?.() ?? 0;
const order: TaskOrder = {
  workId: 'W',
  attempt: 1,
  task: 'patch',
  parameters: { version: '2' },
  timeoutMs: 20_000,
  idempotencyKey: 'key',
};

let folder: string;
let asked: PrivilegedWish[];
beforeEach(() => {
  folder = temporaryFolder();
  asked = [];
});

function script(body: string, mode = 0o755): void {
  const file = path.join(folder, 'patch');
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, mode);
}

function declare(text: string): void {
  writeFileSync(path.join(folder, 'patch.yaml'), text);
}

const fine: RunResult = { ok: true, exitStatus: 0, output: '', stdout: '', detail: 'as root' };

function runner(hasPrivileged = false): TaskRunner {
  const ask = async (wish: PrivilegedWish): Promise<RunResult> => {
    asked.push(wish);
    return fine;
  };
  const privileged = hasPrivileged ? { folder: '/privileged', ask } : undefined;
  return createTaskRunner(
    { folder, environment: { OUT: folder }, vmName: 'vm_0', ownUserId, privileged },
    {
      run: async (run, signal) => await runExecutable(run, systemClock, signal),
      log: silentLog,
      signal: new AbortController().signal,
    },
  );
}

const read = async (name: string): Promise<string> => await readFile(path.join(folder, name), 'utf8');

describe('tasks', () => {
  it('get their declared parameters on standard input and run once for an attempt', async () => {
    script('cat >> "$OUT/in"; echo done');
    declare('parameters: { version: { type: string }, fast: { type: boolean, default: true } }');
    const tasks = runner();
    const [first, second] = await Promise.all([tasks.run(order), tasks.run(order)]);
    expect(first).toMatchObject({ ok: true, exitStatus: 0, output: 'done\n', detail: 'exited with status 0' });
    expect(second).toEqual(first);
    expect(await read('in')).toBe('{"version":"2","fast":true}\n');
  });

  it('take no parameter that their operator has not declared', async () => {
    script('touch "$OUT/ran"');
    expect(await runner().run(order)).toMatchObject({
      ok: false,
      exitStatus: null,
      detail: 'parameters of task "patch": "version" is not declared',
    });
    await expect(read('ran')).rejects.toThrow('ENOENT');
  });

  it('run no longer than their operator has declared, whatever the scheduler says', async () => {
    script('sleep 60');
    declare('timeout: 50ms');
    expect(await runner().run({ ...order, parameters: {} })).toMatchObject({
      ok: false,
      detail: expect.stringContaining('did not exit within 50 ms'),
    });
  });

  it.each([
    ['is no YAML', (): void => declare('{'), 'cannot be read'],
    ['has a key that means nothing', (): void => declare('paramters: {}'), 'paramters'],
    [
      'can be written by others',
      (): void => {
        declare('{}');
        chmodSync(path.join(folder, 'patch.yaml'), 0o666);
      },
      'can be written by others',
    ],
    ['is a link', (): void => symlinkSync('/etc/hostname', path.join(folder, 'patch.yaml')), 'is a link'],
  ])('are refused when their declaration %s', async (_name, arrange, reason) => {
    script('exit 0');
    arrange();
    expect(await runner().run(order)).toMatchObject({ ok: false, detail: expect.stringContaining(reason) });
  });

  it('are ended by a higher attempt, and count no more then', async () => {
    script('[ "$FOREWARN_TASK_ATTEMPT" = 1 ] && sleep 60; exit 0');
    declare('parameters: { version: { type: string } }');
    const tasks = runner();
    const first = tasks.run(order);
    expect(await tasks.run({ ...order, attempt: 2 })).toMatchObject({ ok: true });
    expect(await first).toBeUndefined();
    expect(await tasks.run(order)).toBeUndefined();
  });

  it.each(['unknown', '../patch', 'a/b', ''])('named %j are refused', async (task) => {
    script('exit 0');
    expect(await runner().run({ ...order, task })).toMatchObject({ ok: false, exitStatus: null });
  });

  it('that are not in the folder are asked of the privileged unit, where there is one', async () => {
    expect(await runner(true).run(order)).toEqual(fine);
    expect(asked).toEqual([{ kind: 'task', order, vmName: 'vm_0', timeoutMs: 20_000 }]);
  });

  it('that must not be run are not run by the privileged unit instead', async () => {
    script('exit 0', 0o777);
    expect(await runner(true).run(order)).toMatchObject({ ok: false });
    expect(asked).toEqual([]);
  });
});

describe('parameters', () => {
  const accept = async (text: string, sent: Record<string, unknown>): Promise<unknown> => {
    declare(text);
    const declaration = await readDeclaration(folder, 'patch', ownUserId);
    if (typeof declaration === 'string') throw new Error(declaration);
    return acceptParameters(declaration, sent);
  };

  it.each([
    ['{ type: string }', 1, '"p": expected text, got 1'],
    ['{ type: string, maxLength: 3 }', 'four', '"p": expected at most 3 characters, got "four"'],
    ['{ type: string, oneOf: [a, b] }', 'c', '"p": expected one of a, b, got "c"'],
    ['{ type: string, pattern: "[0-9]+" }', '1; reboot', '"p": expected text that matches [0-9]+, got "1; reboot"'],
    ['{ type: string, pattern: "a|b" }', 'ab', '"p": expected text that matches a|b, got "ab"'],
    ['{ type: integer }', 1.5, '"p": expected an integer, got 1.5'],
    ['{ type: number, minimum: 1, maximum: 2 }', 3, '"p": expected a number from 1 to 2, got 3'],
    ['{ type: boolean }', 'true', '"p": expected true or false, got "true"'],
  ])('declared as %s do not take %j', async (declared, value, problem) => {
    expect(await accept(`parameters: { p: ${declared} }`, { p: value })).toBe(problem);
  });

  it('may be left out only when they have a default or are not required', async () => {
    const text = 'parameters: { a: { type: string }, b: { type: integer, required: false } }';
    expect(await accept(text, {})).toBe('"a" is missing');
    expect(await accept(text, { a: 'x' })).toEqual({ a: 'x' });
  });

  it('are not taken from what every object inherits', async () => {
    expect(await accept('{}', JSON.parse('{"__proto__":1,"constructor":2}') as Record<string, unknown>)).toBe(
      '"__proto__" is not declared; "constructor" is not declared',
    );
  });
});
