import { describe, expect, it } from 'vitest';
import type { Claim, Store } from '../../../scheduler/store/store.ts';
import { givenJob } from '../../support/scheduler-store.ts';
import { rig } from './engine-rig.ts';

/** An action that ends only when it is told to. */
async function untilInterrupted(_claim: Claim, signal: AbortSignal): Promise<undefined> {
  return await new Promise((resolve) => {
    signal.addEventListener('abort', () => {
      resolve(undefined);
    });
  });
}

/** Heartbeats that arrive only while the store can be reached. */
function replicasOf({ replicas }: Store, isReachable: () => boolean): Store['replicas'] {
  return {
    ...replicas,
    beat: async (...beat) => {
      if (!isReachable()) throw new Error('connection refused');
      return await replicas.beat(...beat);
    },
  };
}

describe('the engine', () => {
  it('begins anew what it gave up while the store was out of reach, also when nobody else has taken it over', async () => {
    let isReachable = true;
    const { clock, store, engine, performed } = await rig(untilInterrupted, (given) => ({
      ...given,
      isShared: true,
      replicas: replicasOf(given, () => isReachable),
    }));
    await givenJob(store, clock.now());
    await engine.start();
    await clock.advance(1000);
    isReachable = false;
    await clock.advance(10_500);
    isReachable = true;
    await clock.advance(1000);
    expect(performed).toEqual(['0s Nightly #1.0 a1', '12s Nightly #1.0 a2']);
  });

  it('begins anew also what it gave up in the middle of handing back', async () => {
    let answer = (): void => {};
    let isSlow = false;
    let isReachable = true;
    const { clock, store, engine, performed } = await rig(untilInterrupted, (given) => ({
      ...given,
      isShared: true,
      executions: {
        ...given.executions,
        claimDue: async (request) => {
          if (!isReachable) throw new Error('connection refused');
          return await given.executions.claimDue(request);
        },
        handBack: async (held) => {
          if (isSlow) {
            isSlow = false;
            await new Promise<void>((resolve) => {
              answer = resolve;
            });
          }
          return await given.executions.handBack(held);
        },
      },
      replicas: replicasOf(given, () => isReachable),
    }));
    await givenJob(store, clock.now());
    await engine.start();
    await clock.advance(1000);
    isReachable = false;
    isSlow = true;
    engine.wake();
    // Its claim fails, and then it waits for the answer to handing back until it gives up what runs.
    await clock.advance(11_500);
    isReachable = true;
    answer();
    await clock.advance(5000);
    expect(performed.map((line) => line.replace(/^\S+ /, ''))).toEqual(['Nightly #1.0 a1', 'Nightly #1.0 a2']);
  });

  it('begins nothing any more once it is being closed', async () => {
    let answer = (): void => {};
    const { clock, store, engine, performed } = await rig(undefined, (given) => ({
      ...given,
      executions: {
        ...given.executions,
        claimDue: async (request) => {
          const claimed = await given.executions.claimDue(request);
          await new Promise<void>((resolve) => {
            answer = resolve;
          });
          return claimed;
        },
      },
    }));
    const job = await givenJob(store, clock.now());
    await engine.start();
    await clock.advance(0);
    const closing = engine.close();
    answer();
    await closing;
    expect(performed).toEqual([]);
    // What was claimed is there for the next start.
    expect(await store.executions.earliestDue([])).toBe(job.nextAtMs);
  });
});
