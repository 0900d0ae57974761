import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemEnvironment } from '../../common/runtime/environment.ts';
import type { Activity, ActivityKind } from '../../emulator/activity.ts';
import { parseFleet } from '../../emulator/fleet/load-fleet.ts';
import { processesOf } from '../../emulator/hosts/vm-processes.ts';
import { startEmulator, type Emulator } from '../../emulator/start-emulator.ts';

const APP = fileURLToPath(new URL('emulator-fleet/app.mjs', import.meta.url));
const LIMIT_MS = 12_000;

let folder: string;
let emulator: Emulator | undefined;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'forewarn-test-'));
});

afterEach(async () => {
  await emulator?.close();
  emulator = undefined;
  await rm(folder, { recursive: true, force: true });
});

async function start(run = `{ app: [node, ${JSON.stringify(APP)}] }`): Promise<Emulator> {
  const text = `
control: 127.0.0.1:0
host: process
folder: ${folder}
environment: { GREETING: hello }
impact: { rebootAtLeast: 100ms, lingerAfterImpact: 0ms }
vms:
  - { name: db1, ports: [http], run: ${run} }
`;
  emulator = await startEmulator({
    fleet: parseFleet({ file: path.join(folder, 'fleet.yaml'), text }),
    environment: systemEnvironment(),
    programs: { node: process.execPath, forewarn: [] },
  });
  return emulator;
}

interface Told {
  readonly name: string;
  readonly pid: number;
  readonly boot: number;
  readonly disk: readonly string[];
  readonly temp: readonly string[];
  readonly detachedPid: number;
  readonly longestGapMs: number;
  readonly detachedGapMs: number;
  readonly scope: string;
  readonly metadata: string;
  readonly greeting: string;
}

/** Asks the VM's application until it answers and `isWanted` holds. */
async function told(isWanted: (answer: Told) => boolean = () => true): Promise<Told> {
  const port = emulator?.vms[0]?.ports['http'] ?? 0;
  return await until(async () => {
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2000) });
    const answer = (await response.json()) as Told;
    if (isWanted(answer)) return answer;
    throw new Error(`it said ${JSON.stringify(answer)}`);
  });
}

/** Tries until there is a value; an end-to-end test waits for what it can observe, with a deadline. */
async function until<Value>(attempt: () => Promise<Value | undefined>): Promise<Value> {
  const deadlineMs = performance.now() + LIMIT_MS;
  let last: unknown;
  for (;;) {
    const value = await attempt().catch((error: unknown) => {
      last = error;
      return undefined;
    });
    if (value !== undefined) return value;
    if (performance.now() > deadlineMs) throw new Error(`what was waited for did not happen; last: ${String(last)}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}

async function happens(kind: ActivityKind): Promise<Activity> {
  return await new Promise((resolve) => {
    const unsubscribe = emulator?.feed.subscribe((activity) => {
      if (activity.kind !== kind) return;
      unsubscribe?.();
      resolve(activity);
    });
  });
}

function hit(type: 'Freeze' | 'Reboot' | 'Redeploy' | 'Terminate', durationSeconds?: number): Promise<Activity> {
  const isOver = happens('event.gone');
  emulator?.operations.schedule({ type, resources: ['db1'], durationSeconds, entry: 'approved-by-policy' });
  return isOver;
}

/** Live processes of the VM; the dead that nobody has collected yet do not count. */
function processesLeft(): readonly number[] {
  const environmentEntry = `FOREWARN_VM_DISK=${path.join(folder, 'db1', 'disk')}`;
  return processesOf({ initPid: undefined, environmentEntry }, process.pid);
}

describe('a VM of the process host', () => {
  it('knows its name, scope, metadata address, ports and folders', async () => {
    const { vms } = await start();
    expect(await told()).toMatchObject({
      name: 'db1',
      scope: 'db1',
      boot: 1,
      metadata: vms[0]?.metadata,
      greeting: 'hello',
    });
  });

  it('is frozen whole, also what left its process group, and does not notice', async () => {
    await start();
    const before = await told();
    await hit('Freeze', 1);
    const after = await told((answer) => answer.longestGapMs >= 900 && answer.detachedGapMs >= 900);
    expect(after).toMatchObject({ pid: before.pid, detachedPid: before.detachedPid, boot: 1 });
  });

  it('reboots: everything is killed, disk, temporary folder and ports stay', async () => {
    await start();
    const before = await told();
    await hit('Reboot');
    const after = await told();
    expect(after).toMatchObject({ boot: 2, disk: ['boot-1', 'boot-2'], temp: ['boot-1', 'boot-2'] });
    expect(after.pid).not.toBe(before.pid);
    expect(processesLeft()).not.toContain(before.pid);
    expect(processesLeft()).not.toContain(before.detachedPid);
  });

  it('is redeployed: only its temporary folder is lost', async () => {
    await start();
    await told();
    await hit('Redeploy');
    expect(await told()).toMatchObject({ boot: 2, disk: ['boot-1', 'boot-2'], temp: ['boot-2'] });
  });

  it('is terminated: nothing of it is left, and it does not come back', async () => {
    await start();
    await told();
    await hit('Terminate');
    expect(processesLeft()).toEqual([]);
    expect(emulator?.operations.fleet().vms[0]?.isGone).toBe(true);
  });

  it('starts a command that failed again, and leaves one that ended alone', async () => {
    const fails = '"require(`fs`).appendFileSync(process.env.FOREWARN_VM_DISK + `/fails`, `x`); process.exit(3)"';
    const ends = '"require(`fs`).appendFileSync(process.env.FOREWARN_VM_DISK + `/ends`, `x`)"';
    await start(`{ fails: [node, -e, ${fails}], ends: [node, -e, ${ends}] }`);
    const disk = path.join(folder, 'db1', 'disk');
    await until(async () => ((await readFile(path.join(disk, 'fails'), 'utf8')).length >= 3 ? true : undefined));
    expect(await readFile(path.join(disk, 'ends'), 'utf8')).toBe('x');
    const console = await readFile(path.join(folder, 'db1', 'console.log'), 'utf8');
    expect(console).toContain('vm-init: fails failed with status 3; starting it again in 250 ms');
    expect(console).toContain('vm-init: ends ended');
  });

  it('comes up again when its first process is killed from outside', async () => {
    await start();
    const before = await told();
    const record = JSON.parse(await readFile(path.join(folder, 'db1', 'vm.json'), 'utf8')) as { init: { pid: number } };
    process.kill(record.init.pid, 'SIGKILL');
    const after = await told((answer) => answer.boot === 2);
    expect(after.pid).not.toBe(before.pid);
    expect(processesLeft()).not.toContain(before.pid);
    expect(processesLeft()).not.toContain(before.detachedPid);
  });

  it('leaves no process when the emulator is closed, also in the middle of a freeze', async () => {
    await start();
    await told();
    const isFrozen = happens('vm.frozen');
    void hit('Freeze', 60);
    await isFrozen;
    await emulator?.close();
    expect(processesLeft()).toEqual([]);
    expect(await readdir(path.join(folder, 'db1'))).toContain('console.log');
  });

  it('goes on counting its boots over the same folder', async () => {
    await start();
    await told();
    await emulator?.close();
    await start();
    expect(await told()).toMatchObject({ boot: 2, disk: ['boot-1', 'boot-2'] });
  });

  it('stops for its user and starts again: the disk stays, and deallocating loses the temporary folder', async () => {
    const running = await start();
    await told();
    await running.operations.operate('powerOff', 'db1');
    expect(processesLeft()).toEqual([]);
    await running.operations.operate('start', 'db1');
    expect(await told()).toMatchObject({ boot: 2, temp: ['boot-1', 'boot-2'] });
    await running.operations.operate('deallocate', 'db1');
    await running.operations.operate('start', 'db1');
    expect(await told()).toMatchObject({ boot: 3, disk: ['boot-1', 'boot-2', 'boot-3'], temp: ['boot-3'] });
  });
});
