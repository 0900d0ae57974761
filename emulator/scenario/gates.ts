import type { Clock } from '../../common/runtime/clock.ts';
import type { RotationChange } from './pure/judge.ts';
import { ask } from './load.ts';

/** How often a VM's gate is asked; an expectation about rotation is as exact as this. */
const INTERVAL_MS = 250;

/** Asks health gates (200 = in rotation) for whoever has no balancer that does, until `stopping`. */
export async function watchGates(
  gates: Readonly<Record<string, string>>,
  context: { readonly clock: Clock; readonly stopping: AbortSignal; onChange(change: RotationChange): void },
): Promise<void> {
  const { clock, stopping } = context;
  await Promise.all(
    Object.entries(gates).map(async ([vm, url]) => {
      let wasIn = false;
      while (!stopping.aborted) {
        const isIn = (await ask(url, clock)) === undefined;
        if (isIn !== wasIn) context.onChange({ vm, isIn, atMs: clock.now() });
        wasIn = isIn;
        await clock.sleep(INTERVAL_MS, stopping);
      }
    }),
  );
}
