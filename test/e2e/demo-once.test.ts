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
  it('plays all four steps without a failed request, ends with 0, and leaves nothing behind', async () => {
    const demo = startDemo(folder, ['--once']);
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
    expect(processesLeft(folder)).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  }, 120_000);
});
