import type { Clock } from '../../common/runtime/clock.ts';
import { describeError } from '../../common/runtime/errors.ts';

/** Replaces an instance whose probe has failed for a settable time without a break. */
export interface Replacer {
  /** Its probe fails, or has not answered yet; counts from the first call on. `afterMs` 0 = never. */
  failed(vm: string, afterMs: number): void;
  /** Its probe answers, or it is gone: nothing is to be done. */
  healthy(vm: string): void;
  stop(): void;
}

export function createReplacer(options: {
  readonly clock: Clock;
  readonly isUnderMaintenance: (vm: string) => boolean;
  readonly replace: (vm: string) => Promise<void>;
  readonly onError: (vm: string, reason: string) => void;
}): Replacer {
  const pending = new Map<string, () => void>();
  let isStopped = false;
  const due = (vm: string, afterMs: number): void => {
    pending.delete(vm);
    // The platform took it down itself and brings it back: its time begins anew.
    if (options.isUnderMaintenance(vm)) {
      arm(vm, afterMs);
      return;
    }
    options.replace(vm).catch((error: unknown) => {
      options.onError(vm, describeError(error));
      arm(vm, afterMs);
    });
  };
  const arm = (vm: string, afterMs: number): void => {
    if (afterMs === 0 || isStopped || pending.has(vm)) return;
    pending.set(
      vm,
      options.clock.after(afterMs, () => {
        due(vm, afterMs);
      }),
    );
  };
  return {
    failed: arm,
    healthy: (vm) => {
      pending.get(vm)?.();
      pending.delete(vm);
    },
    stop: () => {
      isStopped = true;
      for (const cancel of pending.values()) cancel();
      pending.clear();
    },
  };
}
