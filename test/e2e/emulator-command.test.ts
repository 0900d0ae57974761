import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { processesOf } from '../../emulator/hosts/vm-processes.ts';

const CLI = fileURLToPath(new URL('../../cli.ts', import.meta.url));
const LIMIT_MS = 12_000;

let folder: string;
const started: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'forewarn-test-'));
});

afterEach(async () => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

interface Ready {
  readonly control: string;
  readonly vms: readonly { readonly name: string; readonly metadata: string }[];
}

interface Served extends Ready {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
}

/** Everything that a VM of this test starts has this in its environment. */
function marked(child: ChildProcess): readonly number[] {
  return processesOf({ initPid: undefined, environmentEntry: `TEST_FOLDER=${folder}` }, process.pid).filter(
    (pid) => pid !== child.pid,
  );
}

async function serve(fleetText: string): Promise<Served> {
  const file = path.join(folder, 'fleet.yaml');
  await writeFile(file, fleetText);
  const child = spawn(process.execPath, [CLI, 'emulator', '--fleet', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TMPDIR: folder },
  });
  started.push(child);
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const ready = await new Promise<Ready>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const entry = JSON.parse(line) as Ready & { msg: string };
      if (entry.msg === 'ready') resolve(entry);
    });
    child.once('exit', (status) => {
      reject(new Error(`the emulator ended with ${status}`));
    });
  });
  return { ...ready, child, exit };
}

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(...args: readonly string[]): Promise<Ran> {
  const child = spawn(process.execPath, [CLI, 'emulator', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, stdout, stderr };
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + LIMIT_MS;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error('what was waited for did not happen');
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}

const hosted = (): string => `
control: 127.0.0.1:0
host: process
environment: { TEST_FOLDER: ${folder} }
vms:
  - name: a
    run: { app: [node, -e, "require('child_process').spawn('sleep', ['1000'], { detached: true }); setInterval(() => {}, 1000)"] }
  - { name: b, run: { app: [sleep, "1000"] } }
`;

describe('forewarn emulator', () => {
  it('obeys the verbs of the command line', async () => {
    const { control } = await serve('control: 127.0.0.1:0\nhost: none\nvms: [{ name: db1 }]');
    const at = ['--control', control];
    const made = await run('freeze', 'DB1', '--duration', '9s', '--notice', '10m', '--json', ...at);
    expect(made.status).toBe(0);
    const { eventId } = JSON.parse(made.stdout) as { eventId: string };
    expect(JSON.parse(made.stdout)).toMatchObject({ type: 'Freeze', resources: ['db1'], durationSeconds: 9 });
    const listed = await run('events', ...at);
    expect(listed.stdout).toMatch(new RegExp(`${eventId} +Freeze +scheduled `));
    expect(await run('cancel', eventId.slice(0, 8).toLowerCase(), ...at)).toMatchObject({
      status: 0,
      stdout: `event ${eventId} cancelled\n`,
    });
    expect((await run('fault', 'error-500', '--vm', 'db1', '--for', '1m', ...at)).stdout).toBe(
      'error-500 at db1 for 1m\n',
    );
    expect(await run('reboot', 'db2', ...at)).toMatchObject({
      status: 2,
      stderr: 'forewarn: no VM "db2"; known: db1\n',
    });
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends all VMs within 5 s on %s and leaves nothing behind', async (signal) => {
    const { child, exit } = await serve(hosted());
    await until(() => marked(child).length >= 5);
    const startMs = performance.now();
    child.kill(signal);
    expect(await exit).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(5000);
    expect(marked(child)).toEqual([]);
    expect(await readdir(folder)).toEqual(['fleet.yaml']);
  });

  it('takes its VMs with it when it is killed, also a frozen one', async () => {
    const { child, control } = await serve(hosted());
    await until(() => marked(child).length >= 5);
    await run('freeze', 'a', '--duration', '600s', '--started', '--control', control);
    await until(async () => {
      const { stdout } = await run('events', '--json', '--control', control);
      return (JSON.parse(stdout) as { state: string }[])[0]?.state === 'impact';
    });
    child.kill('SIGKILL');
    await until(() => marked(child).length === 0);
  });

  it('names every problem of a bad fleet file, and starts nothing', async () => {
    const file = path.join(folder, 'fleet.yaml');
    await writeFile(file, 'host: docker\nvms:\n  - name: db1\n    runs: {}\n');
    expect(await run('--fleet', file)).toEqual({
      status: 2,
      stdout: '',
      stderr: `forewarn: ${file}:1: host: expected one of "none"|"process"|"command", got "docker"\n${file}:4: vms[0].runs: expected a known key, found this one; is it misspelt?\n`,
    });
  });

  it('names the port and the setting when a port is in use', async () => {
    const { control } = await serve('control: 127.0.0.1:0\nhost: none\nvms: [{ name: db1 }]');
    const file = path.join(folder, 'second.yaml');
    await writeFile(file, `control: ${control.replace('http://', '')}\nhost: none\nvms: [{ name: db1 }]`);
    const { status, stderr } = await run('--fleet', file);
    expect(status).toBe(2);
    expect(stderr).toContain('(setting control)');
    expect(stderr).toContain('in use by another program');
  });

  it('says where it looked when no emulator is there', async () => {
    const { status, stderr } = await run('events', '--control', 'http://127.0.0.1:1');
    expect(status).toBe(1);
    expect(stderr).toContain('cannot reach the emulator at http://127.0.0.1:1');
    expect(stderr).toContain('--control');
  });
});
