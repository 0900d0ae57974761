import { describeError } from '../../common/runtime/errors.ts';
import type { Drain } from './drain.ts';

/** What all drains together came to; a failure of one is told, and makes the whole a failure. */
export interface DrainOutcome {
  readonly ok: boolean;
  readonly detail: string;
}

/** Starts every drain, also when one fails: each balancer that turns traffic away helps. */
export async function startAll(drains: readonly Drain[]): Promise<DrainOutcome> {
  return await runAll(drains, async (drain) => {
    await drain.start();
  });
}

/** Gives the VM back everywhere. */
export async function restoreAll(drains: readonly Drain[]): Promise<DrainOutcome> {
  return await runAll(drains, async (drain) => {
    await drain.restore();
  });
}

/** One look at all of them. `ok` means that nothing flows anywhere; a drain that cannot tell counts as traffic. */
export async function readAll(drains: readonly Drain[]): Promise<DrainOutcome> {
  const busy: string[] = [];
  await Promise.all(
    drains.map(async (drain) => {
      try {
        const reading = await drain.read();
        if (!reading.clear) busy.push(`${drain.name}: ${reading.detail}`);
      } catch (error) {
        busy.push(`${drain.name}: cannot tell: ${describeError(error)}`);
      }
    }),
  );
  return { ok: busy.length === 0, detail: busy.length === 0 ? 'no traffic is left' : busy.join('; ') };
}

async function runAll(drains: readonly Drain[], run: (drain: Drain) => Promise<void>): Promise<DrainOutcome> {
  const failures: string[] = [];
  await Promise.all(
    drains.map(async (drain) => {
      try {
        await run(drain);
      } catch (error) {
        failures.push(`${drain.name}: ${describeError(error)}`);
      }
    }),
  );
  return { ok: failures.length === 0, detail: failures.join('; ') };
}
