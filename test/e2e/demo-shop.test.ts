import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/runtime/clock.ts';
import { startProgram, type Program } from '../../demo/programs/program.ts';
import { freePort } from '../support/free-port.ts';

/** The applications, hooks and tasks of the example fleet, run as they stand. */
const shop = fileURLToPath(new URL('../../examples/shop', import.meta.url));
const APPLICATION_PATH = '/usr/bin:/bin';

let folder: string;
let programs: Program[];
let queueUrl: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'forewarn-shop-'));
  programs = [];
  const queue = await start('queue', { SHOP_QUEUE_PORT: '0' });
  queueUrl = `http://${((await queue.ready) as { listen: string }).listen}`;
});

afterEach(async () => {
  await Promise.all(programs.map((program) => program.stop()));
  await rm(folder, { recursive: true, force: true });
});

async function start(name: string, environment: Record<string, string>): Promise<Program> {
  const program = startProgram({
    name,
    command: [process.execPath, path.join(shop, `${name}.mjs`)],
    environment: { PATH: APPLICATION_PATH, ...environment },
    folder,
    logFile: path.join(folder, `${name}.log`),
    clock: systemClock,
  });
  programs.push(program);
  await program.ready;
  return program;
}

async function startFrontEnd(boot = 1): Promise<{ url: string; program: Program }> {
  const port = await freePort();
  const program = await start('front-end', {
    FOREWARN_VM_NAME: 'FrontEnd_IN_0',
    FOREWARN_VM_BOOT: String(boot),
    FOREWARN_VM_PORT_HTTP: String(port),
    FOREWARN_VM_DISK: path.join(folder, 'disk'),
    FOREWARN_VM_TEMP: path.join(folder, 'temp'),
    QUEUE_URL: queueUrl,
  });
  return { url: `http://127.0.0.1:${port}`, program };
}

async function startBackEnd(): Promise<Program> {
  return await start('back-end', {
    FOREWARN_VM_NAME: 'BackEnd_IN_0',
    FOREWARN_VM_DISK: path.join(folder, 'disk'),
    QUEUE_URL: queueUrl,
  });
}

interface Answer {
  status: number;
  connection: string | undefined;
  body: Record<string, unknown>;
}

async function ask(url: string, method = 'GET', agent: Agent | false = false, body?: string): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const outgoing = request(url, { method, agent }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('end', () => {
        const parsed = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
        resolve({ status: response.statusCode ?? 0, connection: response.headers.connection, body: parsed });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Runs a hook or task as the agent does: no shell, a small environment, the disk as APP_FOLDER. */
async function run(script: string, input = '', timeoutMs = 5000): Promise<{ exitStatus: number; output: string }> {
  return await new Promise((resolve) => {
    const environment = {
      PATH: APPLICATION_PATH,
      APP_FOLDER: path.join(folder, 'disk'),
      FOREWARN_EVENT_ID: 'A1B2',
      FOREWARN_PHASE: 'prepare',
    };
    const child = execFile(
      path.join(shop, script),
      { env: environment, timeout: timeoutMs },
      (error, stdout, stderr) => {
        resolve({ exitStatus: error === null ? 0 : Number(error.code ?? 1), output: `${stdout}${stderr}` });
      },
    );
    // A script that does not read its input may be gone before it is written.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

describe('FrontEnd of the example fleet', () => {
  it('keeps connections in service, and asks to close them between the prepare and the restored hook', async () => {
    const { url } = await startFrontEnd();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect((await ask(url, 'GET', agent)).connection).toBe('keep-alive');

    expect(await run('hooks.d/prepare/10-stop-taking-traffic')).toMatchObject({ exitStatus: 0 });
    expect(await ask(url, 'GET', agent)).toMatchObject({ status: 200, connection: 'close' });
    expect(await ask(`${url}/orders`, 'POST', agent, '{}')).toMatchObject({ status: 202, connection: 'close' });

    expect(await run('hooks.d/restored/10-take-traffic')).toMatchObject({ exitStatus: 0 });
    expect(await run('hooks.d/restored/10-take-traffic')).toMatchObject({ exitStatus: 0 });
    expect((await ask(url, 'GET', agent)).connection).toBe('keep-alive');
    agent.destroy();
  });

  it('closes a connection that nobody uses while it is drained, and not before', async () => {
    const { url } = await startFrontEnd();
    const browser = connect(Number(new URL(url).port), '127.0.0.1');
    let isClosed = false;
    browser.on('end', () => (isClosed = true));
    browser.resume();
    browser.write('GET / HTTP/1.1\r\nHost: shop\r\n\r\n');
    const openSince = performance.now();
    // Longer than an idle connection lives in a drain.
    await expect.poll(() => performance.now() - openSince, { timeout: 5000, interval: 100 }).toBeGreaterThan(2500);
    expect(isClosed).toBe(false);

    await run('hooks.d/prepare/10-stop-taking-traffic');

    await expect.poll(() => isClosed, { timeout: 5000 }).toBe(true);
    browser.destroy();
  });

  it('tells what it found on its disk and in its temporary folder when it started', async () => {
    const first = await startFrontEnd(1);
    expect((await ask(first.url)).body).toMatchObject({ boot: 1, found: { disk: [], temporary: [] } });
    await first.program.stop();
    await rm(path.join(folder, 'temp'), { recursive: true });

    const second = await startFrontEnd(2);
    expect((await ask(second.url)).body).toMatchObject({ boot: 2, found: { disk: ['boot-1'], temporary: [] } });
  });

  it('sees afterwards in its own clock that it was frozen', async () => {
    const { url } = await startFrontEnd();
    const pid = Number((await ask(url)).body['pid']);
    process.kill(pid, 'SIGSTOP');
    const frozenAt = performance.now();
    try {
      await expect.poll(() => performance.now() - frozenAt, { interval: 50 }).toBeGreaterThan(400);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await expect
      .poll(async () => (await ask(`${url}/clock`)).body['gapMs'], { timeout: 5000 })
      .toBeGreaterThanOrEqual(400);
    expect((await ask(`${url}/clock`)).body['pid']).toBe(pid);
  });

  it('shows the version that the task "patch" installed, and refuses a task without one', async () => {
    const { url } = await startFrontEnd();
    expect((await ask(url)).body['version']).toBe('1');
    expect(await run('tasks.d/patch', '{"version":"2.1"}')).toEqual({
      exitStatus: 0,
      output: 'version 2.1 is installed\n',
    });
    expect((await ask(url)).body['version']).toBe('2.1');
    expect(await run('tasks.d/patch', '{}')).toMatchObject({ exitStatus: 2 });
  });

  it('says what it misses in its environment', async () => {
    await expect(start('front-end', { FOREWARN_VM_DISK: folder })).rejects.toThrow(
      /the front-end ended with exit status 2[^]*expected FOREWARN_VM_PORT_HTTP in the environment/,
    );
  });
});

describe('BackEnd of the example fleet', () => {
  async function done(): Promise<number> {
    return Number((await ask(`${queueUrl}/status`)).body['done']);
  }

  it('does every order, and none between the prepare and the restored hook', async () => {
    await startBackEnd();
    for (let order = 0; order < 10; order++) await ask(`${queueUrl}/work`, 'POST', false, '{"item":1}');
    await expect.poll(done, { timeout: 5000 }).toBe(10);

    const hook = run('hooks-worker.d/prepare/10-finish-work-in-hand');
    expect(await hook).toMatchObject({ exitStatus: 0 });
    // The hook ends only with empty hands, so from here on nothing may be taken.
    for (let order = 0; order < 5; order++) await ask(`${queueUrl}/work`, 'POST', false, '{"item":1}');
    const quietSince = performance.now();
    await expect.poll(() => performance.now() - quietSince, { interval: 50 }).toBeGreaterThan(500);
    expect((await ask(`${queueUrl}/status`)).body).toMatchObject({ done: 10, inHand: 0, waiting: 5 });

    expect(await run('hooks-worker.d/restored/10-take-work')).toMatchObject({ exitStatus: 0 });
    await expect.poll(done, { timeout: 5000 }).toBe(15);
  });

  it('is not taken for idle because of what an earlier drain left on the disk', async () => {
    await mkdir(path.join(folder, 'disk'), { recursive: true });
    await writeFile(path.join(folder, 'disk', 'idle'), 'A1B2 1 1\n');
    // No worker runs here, so nobody can answer the hook.
    expect((await run('hooks-worker.d/prepare/10-finish-work-in-hand', '', 500)).exitStatus).not.toBe(0);
  });

  it('finds itself drained after a reboot in the middle of a drain', async () => {
    await mkdir(path.join(folder, 'disk'), { recursive: true });
    await writeFile(path.join(folder, 'disk', 'draining'), 'A1B2 1 1\n');
    await startBackEnd();
    const idle = path.join(folder, 'disk', 'idle');
    await expect.poll(() => existsSync(idle), { timeout: 5000 }).toBe(true);
    expect(await readFile(idle, 'utf8')).toBe('A1B2 1 1\n');
  });
});

describe('the queue of the example fleet', () => {
  it('hands out an order once and never again, also when whoever took it is gone', async () => {
    await ask(`${queueUrl}/work`, 'POST', false, '{"item":1}');
    const take = JSON.stringify({ vm: 'a', pid: 1, boot: 1, waitMs: 0 });
    expect(await ask(`${queueUrl}/take`, 'POST', false, take)).toMatchObject({ status: 200, body: { id: 1 } });
    expect((await ask(`${queueUrl}/take`, 'POST', false, take)).status).toBe(204);
    expect((await ask(`${queueUrl}/status`)).body).toMatchObject({ accepted: 1, waiting: 0, inHand: 1, done: 0 });
  });

  it('tells what is done since a number, and refuses what nobody has in hand', async () => {
    await ask(`${queueUrl}/work`, 'POST', false, '{}');
    await ask(`${queueUrl}/take`, 'POST', false, '{"vm":"a"}');
    expect((await ask(`${queueUrl}/done`, 'POST', false, '{"id":1}')).status).toBe(200);
    expect((await ask(`${queueUrl}/done`, 'POST', false, '{"id":1}')).status).toBe(409);
    expect((await ask(`${queueUrl}/finished?after=0`)).body).toEqual({ cursor: 1, ids: [1] });
    expect((await ask(`${queueUrl}/finished?after=1`)).body).toEqual({ cursor: 1, ids: [] });
  });
});
