import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** The demonstration as its user runs it. Everything it starts has the test's own TMPDIR in its environment. */
const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'fw-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Demo {
  readonly pid: number;
  output(): string;
  readonly exited: Promise<number | null>;
}

function startDemo(args: readonly string[]): Demo {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', path.join(root, 'cli.ts'), 'demo', ...args],
    { cwd: folder, env: { ...process.env, TMPDIR: folder, NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => (output += text));
  }
  return {
    pid: child.pid ?? 0,
    output: () => output,
    exited: new Promise((resolve) => {
      child.on('close', (code) => {
        resolve(code);
      });
    }),
  };
}

/** Processes of this machine that have the test's folder in their environment or command line, this one excepted. */
function processesLeft(): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const isOurs = `${readFileSync(`/proc/${pid}/environ`, 'utf8')} ${command}`.includes(folder);
        return isOurs ? [`${pid} ${command}`] : [];
      } catch {
        return [];
      }
    });
}

describe.skipIf(!existsSync('/proc/self/environ'))('npm start', () => {
  it('plays all four steps without a failed request, ends with 0, and leaves nothing behind', async () => {
    const demo = startDemo(['--once']);
    const status = await demo.exited;

    expect({ status, output: demo.output() }).toMatchObject({ status: 0 });
    const counts = [...demo.output().matchAll(/^ +requests (\d+), failed (\d+)/gm)];
    expect(counts).toHaveLength(4);
    for (const [, requests, failed] of counts) {
      expect(Number(requests)).toBeGreaterThanOrEqual(1000);
      expect(Number(failed)).toBe(0);
    }
    expect(demo.output()).toContain('saw a gap of');
    expect(demo.output()).toContain('its temporary folder was empty');
    expect(processesLeft()).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  }, 120_000);

  it('ends within 5 s of Ctrl-C in the middle of a step, and leaves nothing behind', async () => {
    const demo = startDemo([]);
    await expect.poll(() => demo.output(), { timeout: 60_000, interval: 50 }).toMatch(/FrontEnd_IN_0 +drains/);
    expect(processesLeft().length).toBeGreaterThan(10);

    const askedAt = performance.now();
    process.kill(demo.pid, 'SIGINT');
    const status = await demo.exited;

    expect({ status, output: demo.output() }).toMatchObject({ status: 130 });
    expect(performance.now() - askedAt).toBeLessThan(5000);
    expect(processesLeft()).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  }, 120_000);

  it('says which program ended, and why, when one of them dies', async () => {
    const demo = startDemo(['--once']);
    await expect.poll(() => demo.output(), { timeout: 60_000, interval: 50 }).toContain('Every VM is in service');
    const scheduler = processesLeft().find((line) => line.includes(' scheduler --config'));
    process.kill(Number(scheduler?.split(' ')[0]), 'SIGKILL');

    const status = await demo.exited;

    expect({ status, output: demo.output() }).toMatchObject({ status: 1 });
    expect(demo.output()).toContain('forewarn: the scheduler was ended by SIGKILL. Its last lines:');
    expect(demo.output()).toContain(`try: the logs are in ${folder}/`);
    expect(processesLeft()).toEqual([]);
  }, 120_000);
});
