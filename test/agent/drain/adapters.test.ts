import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { probeApplication } from '../../../agent/application-probe.ts';
import { openClaims } from '../../../agent/drain/claims.ts';
import { withoutServer, withServer } from '../../../agent/drain/haproxy-state-file.ts';
import { inheritedSocket } from '../../../agent/drain/inherited-socket.ts';
import { markInFile, stateInFile } from '../../../agent/drain/nginx-file.ts';
import { openRotationMemory } from '../../../agent/drain/rotation-memory.ts';
import { runVerb } from '../../../agent/drain/run-verb.ts';
import { verbDrain } from '../../../agent/drain/verb-drain.ts';
import { callWebhook } from '../../../agent/drain/webhook.ts';
import { systemClock } from '../../../common/runtime/clock.ts';
import { silentLog } from '../../../common/runtime/log.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

describe('a server in a file that nginx includes', () => {
  const CONTENT = '# web\nserver 10.0.0.4:80 weight=2; # this one\n  server 10.0.0.5:80 down;\n';

  it('is marked down and up again without touching anything else', () => {
    const down = markInFile(CONTENT, '10.0.0.4:80', 'down');
    expect(down).toBe('# web\nserver 10.0.0.4:80 weight=2 down; # this one\n  server 10.0.0.5:80 down;\n');
    expect(markInFile(down, '10.0.0.4:80', 'up')).toBe(CONTENT);
    expect(markInFile(down, '10.0.0.4:80', 'down')).toBe(down);
  });

  it.each([
    ['10.0.0.4:80', 'up'],
    ['10.0.0.5:80', 'down'],
    ['10.0.0.4', undefined],
    ['web', undefined],
  ])('%s is %s', (server, state) => {
    expect(stateInFile(CONTENT, server)).toBe(state);
  });

  it('is not found in a comment', () => {
    expect(stateInFile('# server 10.0.0.4:80;\n', '10.0.0.4:80')).toBe(undefined);
  });
});

describe("HAProxy's state file", () => {
  const saved = (line: string): { version: string; header: string; line: string } => ({
    version: '1',
    header: '# be_id be_name srv_id srv_name',
    line,
  });

  it('holds each server once, and loses it when it is released', () => {
    const one = withServer('', 'web/s1', saved('3 web 1 s1 1'));
    const two = withServer(one, 'api/s1', saved('4 api 1 s1 1'));
    const again = withServer(two, 'web/s1', saved('3 web 1 s1 8'));
    expect(again).toBe('1\n# be_id be_name srv_id srv_name\n4 api 1 s1 1\n3 web 1 s1 8\n');
    expect(withoutServer(again, 'api/s1')).toBe('1\n# be_id be_name srv_id srv_name\n3 web 1 s1 8\n');
  });

  it('drops what a HAProxy with other columns has left there', () => {
    const old = '1\n# be_id be_name srv_id\n9 web 9 s9\n';
    expect(withServer(old, 'web/s1', saved('3 web 1 s1 1'))).not.toContain('s9');
  });
});

describe('a socket that systemd passes on', () => {
  const PASSED = { LISTEN_PID: '42', LISTEN_FDS: '2', LISTEN_FDNAMES: 'other:gate' };
  it.each([
    ['has the number of its place', PASSED, 42, 4],
    ['is not for another process', PASSED, 43, undefined],
    ['is not there under another name', { ...PASSED, LISTEN_FDNAMES: 'a:b' }, 42, undefined],
    ['is not there when nothing was passed', {}, 42, undefined],
  ])('%s', (_title, environment, processId, expected) => {
    expect(inheritedSocket(environment, 'gate', processId)).toBe(expected);
  });
});

describe('claims', () => {
  it('are there again after a restart, with how far each went', async () => {
    const file = path.join(temporaryFolder(), 'claims.json');
    const claims = await openClaims(file);
    await claims.set('a', 'drain');
    await claims.set('a', 'maint');
    await claims.set('b', 'drain');
    await claims.remove('b');
    const again = await openClaims(file);
    expect([again.get('a'), again.get('b')]).toEqual(['maint', undefined]);
  });

  it('of an earlier version were drains', async () => {
    const file = path.join(temporaryFolder(), 'claims.json');
    writeFileSync(file, '["a"]');
    expect((await openClaims(file)).get('a')).toBe('drain');
  });

  it('in a damaged file are none', async () => {
    const file = path.join(temporaryFolder(), 'claims.json');
    writeFileSync(file, '{"a":');
    expect((await openClaims(file)).get('a')).toBe(undefined);
  });
});

describe('the memory of the rotation', () => {
  it('knows of the VM in rotation, of this boot only, and forgets when it leaves', async () => {
    const file = path.join(temporaryFolder(), 'rotation');
    const memory = await openRotationMemory(file, 'boot 1', silentLog);
    expect(memory.wasIn).toBe(false);
    await memory.drain.restore();
    expect((await openRotationMemory(file, 'boot 1', silentLog)).wasIn).toBe(true);
    expect((await openRotationMemory(file, 'boot 2', silentLog)).wasIn).toBe(false);
    await memory.drain.start();
    expect((await openRotationMemory(file, 'boot 1', silentLog)).wasIn).toBe(false);
  });

  it('that cannot be written keeps nobody from being told', async () => {
    const memory = await openRotationMemory('/proc/nothing/rotation', 'boot 1', silentLog);
    await memory.drain.restore();
    await memory.drain.start();
    expect(await memory.drain.read()).toMatchObject({ clear: true });
  });
});

describe("the application's own probe", () => {
  it.each([
    ['a status in the range', { status: 302, body: '' }, { status: [{ from: 200, to: 399 }] }, true],
    ['a status outside of it', { status: 404, body: '' }, { status: [{ from: 200, to: 399 }] }, false],
    ['the expected word', { status: 200, body: 'status: ok' }, { body: 'ok' }, true],
    ['another word', { status: 200, body: 'status: bad' }, { body: 'ok' }, false],
  ])('is judged by %s', async (_title, answer, expected, isUp) => {
    const port = await serve(() => answer);
    const probe = {
      url: `http://127.0.0.1:${port}/`,
      status: [{ from: 200, to: 200 }],
      timeout: 2000,
      body: undefined,
    };
    expect(await probeApplication({ ...probe, ...expected })).toBe(isUp);
  });
});

describe('a webhook', () => {
  const call = (url: string): { url: string; method: 'POST'; headers: {}; secretHeaders: {} } => ({
    url,
    method: 'POST',
    headers: {},
    secretHeaders: {},
  });
  const tools = { clock: systemClock, signal: new AbortController().signal };
  const settings = (url: string): Parameters<typeof callWebhook>[0] => ({
    name: 'w',
    turnAway: call(url),
    backIn: call(url),
    timeout: 2000,
  });

  it('is called again after a passing fault', async () => {
    let calls = 0;
    const port = await serve(() => ({ status: ++calls < 2 ? 503 : 200, body: 'done' }));
    expect(await callWebhook(settings(`http://127.0.0.1:${port}/`), 'turn-away', tools)).toBe('done');
  });

  it.each([
    ['that refuses', 403, 1],
    ['that redirects, which could carry its secrets elsewhere', 302, 1],
    ['that stays unwell', 500, 3],
  ])('%s fails with its status', async (_title, status, expected) => {
    let calls = 0;
    const port = await serve(() => {
      calls++;
      return { status, body: '' };
    });
    const done = callWebhook(settings(`http://127.0.0.1:${port}/`), 'turn-away', tools);
    await expect(done).rejects.toThrow(`answered with status ${status}`);
    expect(calls).toBe(expected);
  });
});

describe('a drain by an executable', () => {
  const rig = async (
    script: string,
    mode = 0o755,
  ): Promise<{ drain: ReturnType<typeof verbDrain>; calls: () => string }> => {
    const folder = temporaryFolder();
    const file = path.join(folder, 'drain');
    writeFileSync(path.join(folder, 'calls'), '');
    writeFileSync(file, `#!/bin/sh\necho "$1" >>"${folder}/calls"\n${script}\n`, { mode });
    const tools = {
      clock: systemClock,
      signal: new AbortController().signal,
      ownUserId: process.getuid?.() ?? 0,
      askPrivileged: undefined,
    };
    const command = { file, parameters: [], environment: {}, timeout: 5000 };
    return {
      drain: verbDrain({
        name: 'd',
        call: async (verb) => await runVerb(command, verb, tools),
        canRead: true,
        claims: await openClaims(path.join(folder, 'claims.json')),
        log: silentLog,
      }),
      calls: () => readFileSync(path.join(folder, 'calls'), 'utf8').trim().replaceAll('\n', ' '),
    };
  };

  it('is not asked to let in what it has not turned away', async () => {
    const { drain, calls } = await rig(`echo '{"alreadyOut": true}'`);
    await drain.restore();
    await drain.start();
    await drain.restore();
    expect(calls()).toBe('turn-away');
  });

  it.each([
    ['no JSON', 'echo maybe'],
    ['another form', `echo '{"clear": "yes"}'`],
    ['nothing', ':'],
  ])('that answers read with %s is a drain that cannot tell', async (_title, script) => {
    const { drain } = await rig(script);
    await expect(drain.read()).rejects.toThrow('expected an answer like {"clear": true');
  });

  it('that fails is told with its complaint', async () => {
    const { drain } = await rig('echo "no such node" >&2; exit 3');
    await expect(drain.start()).rejects.toThrow('turn-away exited with status 3: no such node');
  });

  it('is not run when others could have written it', async () => {
    const file = path.join(temporaryFolder(), 'drain');
    writeFileSync(file, '#!/bin/sh\n');
    chmodSync(file, 0o777);
    const tools = { clock: systemClock, signal: new AbortController().signal, askPrivileged: undefined };
    const command = { file, parameters: [], environment: {}, timeout: 5000 };
    const done = runVerb(command, 'read', { ...tools, ownUserId: process.getuid?.() ?? 0 });
    await expect(done).rejects.toThrow('must not be run');
  });

  it('by a privileged action needs the privileged unit', async () => {
    const command = { action: 'nginx-drain', words: ['web'], timeout: 5000 };
    const tools = { clock: systemClock, signal: new AbortController().signal, ownUserId: 0, askPrivileged: undefined };
    await expect(runVerb(command, 'read', tools)).rejects.toThrow('(setting privileged)');
    const asked: unknown[] = [];
    const answer = await runVerb(command, 'turn-away', {
      ...tools,
      askPrivileged: async (wish) => {
        asked.push(wish);
        return { ok: true, exitStatus: 0, output: '', stdout: '{}\n', detail: '' };
      },
    });
    expect(answer).toBe('{}');
    expect(asked).toMatchObject([{ kind: 'action', action: 'nginx-drain', words: ['turn-away', 'web'] }]);
  });
});

async function serve(answer: () => { status: number; body: string }): Promise<number> {
  const server = createServer((_request, response) => {
    const { status, body } = answer();
    response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return (server.address() as AddressInfo).port;
}
