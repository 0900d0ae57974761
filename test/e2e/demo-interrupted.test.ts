import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { processesLeft, startDemo } from './demo-process.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'fw-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe.skipIf(!existsSync('/proc/self/environ'))('npm start', () => {
  it('ends within 5 s of Ctrl-C in the middle of a step, and leaves nothing behind', async () => {
    const demo = startDemo(folder, []);
    await expect.poll(() => demo.output(), { timeout: 60_000, interval: 50 }).toMatch(/FrontEnd_IN_0 +drains/);
    expect(processesLeft(folder).length).toBeGreaterThan(10);

    const askedAt = performance.now();
    process.kill(demo.pid, 'SIGINT');
    const status = await demo.exited;

    expect({ status, output: demo.output() }).toMatchObject({ status: 130 });
    expect(performance.now() - askedAt).toBeLessThan(5000);
    expect(processesLeft(folder)).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  }, 120_000);

  it('says which program ended, and why, when one of them dies', async () => {
    const demo = startDemo(folder, ['--once']);
    await expect.poll(() => demo.output(), { timeout: 60_000, interval: 50 }).toContain('Every VM is in service');
    const scheduler = processesLeft(folder).find((line) => line.includes(' scheduler --config'));
    process.kill(Number(scheduler?.split(' ')[0]), 'SIGKILL');

    const status = await demo.exited;

    expect({ status, output: demo.output() }).toMatchObject({ status: 1 });
    expect(demo.output()).toContain('forewarn: the scheduler was ended by SIGKILL. Its last lines:');
    expect(demo.output()).toContain(`try: the logs are in ${folder}/`);
    expect(processesLeft(folder)).toEqual([]);
  }, 120_000);
});
