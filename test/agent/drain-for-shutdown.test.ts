import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { drainForShutdown, isMachineStopping } from '../../agent/drain-for-shutdown.ts';
import type { Drain } from '../../agent/drain/drain.ts';
import { nextTurn } from '../../common/runtime/clock.ts';
import { silentLog } from '../../common/runtime/log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const LIMITS = { detectionMs: 2000, timeoutMs: 10_000 };

/** Drains one balancer with connections that a test can end; resolves with how long it took and what systemd was told. */
async function drain(
  connectionsAt: (elapsedMs: number) => number,
  isDeaf = false,
): Promise<{ tookMs: number; told: string[] }> {
  const clock = new FakeClock();
  const startedMs = clock.monotonic();
  const told: string[] = [];
  let isTurnedAway = false;
  const balancer: Drain = {
    name: 'balancer',
    start: async () => {
      if (isDeaf) await new Promise(() => {});
      isTurnedAway = true;
    },
    read: async () => {
      const left = connectionsAt(clock.monotonic() - startedMs);
      return { clear: isTurnedAway && left === 0, detail: `${left} connections` };
    },
    restore: async () => {},
  };
  const notifier = {
    tell: (...words: readonly string[]) => void told.push(words.join(' ')),
    idle: async () => {},
    watchdogMs: undefined,
  };
  const ended = { atMs: Infinity };
  const run = async (): Promise<void> => {
    await drainForShutdown([balancer], LIMITS, { clock, log: silentLog, notifier });
    ended.atMs = clock.monotonic();
  };
  const done = run();
  for (let step = 0; step < 600 && ended.atMs === Infinity; step++) {
    await nextTurn();
    await clock.advance(100);
  }
  await done;
  return { tookMs: ended.atMs - startedMs, told };
}

describe('the drain of a machine that goes down', () => {
  it('lasts until the slowest balancer must have noticed, however quiet it is', async () => {
    const { tookMs } = await drain(() => 0);
    expect(tookMs).toBeGreaterThanOrEqual(2000);
    expect(tookMs).toBeLessThan(2500);
  });

  it('lasts until the last connection has gone', async () => {
    const { tookMs } = await drain((elapsedMs) => (elapsedMs < 7000 ? 1 : 0));
    expect(tookMs).toBeGreaterThanOrEqual(7200);
    expect(tookMs).toBeLessThan(8000);
  });

  it('is not over because one look saw nothing', async () => {
    const { tookMs } = await drain((elapsedMs) => (elapsedMs < 5000 && Math.floor(elapsedMs / 200) % 2 === 0 ? 1 : 0));
    expect(tookMs).toBeGreaterThan(5000);
  });

  it('ends at its time when a balancer does not even answer', async () => {
    const { tookMs, told } = await drain(() => 0, true);
    expect(tookMs).toBeGreaterThanOrEqual(12_000);
    expect(tookMs).toBeLessThan(12_500);
    expect(told).toHaveLength(3);
  });

  it('ends at its time whatever is left, and asks systemd for time until then', async () => {
    const { tookMs, told } = await drain(() => 1);
    expect(tookMs).toBeGreaterThanOrEqual(12_000);
    expect(tookMs).toBeLessThan(12_500);
    expect(told).toHaveLength(3);
    expect(told[0]).toMatch(/^EXTEND_TIMEOUT_USEC=15000000 STATUS=/);
  });
});

describe('whether the machine goes down', () => {
  it('is told by the file that the unit names, and is not so without systemd', async () => {
    const file = path.join(temporaryFolder(), 'shutting-down');
    expect(await isMachineStopping({})).toBe(false);
    expect(await isMachineStopping({ FOREWARN_SHUTDOWN_FILE: file })).toBe(false);
    writeFileSync(file, '');
    expect(await isMachineStopping({ FOREWARN_SHUTDOWN_FILE: file })).toBe(true);
  });
});
