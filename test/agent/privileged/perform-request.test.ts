import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { RunResult } from '../../../agent/hooks/run-executable.ts';
import { parseRequest, performRequest } from '../../../agent/privileged/perform-request.ts';
import { systemClock } from '../../../common/runtime/clock.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const subject = {
  eventId: 'E1',
  eventType: 'Reboot',
  status: 'Scheduled',
  resources: ['a'],
  notBeforeMs: null,
  description: '',
  source: 'User',
  durationSeconds: -1,
};
const action = { kind: 'action', action: 'nginx', words: [], input: null, timeoutMs: 20_000 };
const hook = { kind: 'hook', phase: 'prepare', name: '10-stop', subject, vmName: 'vm0', timeoutMs: 20_000 };
const order = {
  workId: 'W',
  attempt: 1,
  task: 'patch',
  parameters: { version: '2' },
  timeoutMs: 20_000,
  idempotencyKey: 'k',
};

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

function script(name: string, body: string, mode = 0o755): void {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, mode);
}

async function ask(request: unknown): Promise<RunResult> {
  const parsed = parseRequest(JSON.stringify(request));
  if (typeof parsed === 'string') throw new Error(parsed);
  return await performRequest(folder, parsed, {
    clock: systemClock,
    signal: new AbortController().signal,
    ownUserId: process.getuid?.() ?? 0,
    mark: `test.${process.pid}`,
  });
}

describe('what the privileged unit is asked for', () => {
  it('may be an action, which gets words, input and an environment that nobody but the unit makes', async () => {
    script('nginx', 'echo "$#: $*"; cat; env | sort');
    const result = await ask({ ...action, words: ['turn-away', 'web/s1'], input: { a: 1 } });
    expect(result).toMatchObject({ ok: true, exitStatus: 0 });
    const [words, input, ...environment] = result.stdout.trim().split('\n');
    expect(words).toBe('2: turn-away web/s1');
    expect(input).toBe('{"a":1}');
    expect(environment.map((line) => line.split('=')[0])).toEqual([
      'FOREWARN_ACTION',
      'FOREWARN_RUN',
      'LANG',
      'PATH',
      'PWD',
    ]);
  });

  it('may be a hook, which is given what hooks of the agent are', async () => {
    script('prepare/10-stop', 'cat; echo "$FOREWARN_EVENT_KEY"');
    const result = await ask(hook);
    expect(result.stdout).toBe(`${JSON.stringify({ ...subject, phase: 'prepare' })}\nE1:prepare\n`);
  });

  it('may be a task, which takes what is declared and nothing else', async () => {
    script('tasks/patch', 'cat');
    const task = { kind: 'task', order, vmName: 'vm0', timeoutMs: 20_000 };
    expect(await ask(task)).toMatchObject({ ok: false, detail: expect.stringContaining('"version" is not declared') });
    writeFileSync(path.join(folder, 'tasks/patch.yaml'), 'parameters: { version: { type: string } }');
    expect(await ask(task)).toMatchObject({ ok: true, stdout: '{"version":"2"}\n' });
  });

  it('is not done when there is no such file, or others can write it', async () => {
    expect(await ask(action)).toMatchObject({ ok: false, exitStatus: null, detail: expect.stringContaining('no /') });
    script('nginx', 'exit 0', 0o775);
    expect(await ask(action)).toMatchObject({
      ok: false,
      exitStatus: null,
      detail: expect.stringContaining('can be written by others'),
    });
  });
});

describe('a request', () => {
  it.each([
    ['a path', { ...action, action: '../nginx' }],
    ['a path among the hooks', { ...hook, name: '../nginx' }],
    ['a phase that does not exist', { ...hook, phase: 'tasks' }],
    ['a word that is an option', { ...action, words: ['--config=/tmp/x'] }],
    ['a word with a space', { ...action, words: ['a b'] }],
    ['environment variables', { ...action, environment: { LD_PRELOAD: '/tmp/x.so' } }],
    ['no time', { ...action, timeoutMs: 0 }],
    ['nothing', {}],
  ])('with %s is refused', (_what, request) => {
    expect(parseRequest(JSON.stringify(request))).toEqual(expect.any(String));
  });

  it('that is no JSON is refused', () => {
    expect(parseRequest('nginx')).toBe('expected one line of JSON');
  });

  it('may say more about an event than this version knows', () => {
    expect(parseRequest(JSON.stringify({ ...hook, subject: { ...subject, withinMs: 5 } }))).toMatchObject({
      subject: { withinMs: 5 },
    });
  });
});
