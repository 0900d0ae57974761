import type { ScopeState } from '../platform/state.ts';

/**
 * When each scope's first request for events will have been answered. A scope that was disabled has a first request again.
 */
export interface FirstCalls {
  /** How long a request of this scope takes from `now`, milliseconds; 0 when it is answered at once. */
  waitMs(scope: ScopeState | undefined, now: number): number;
}

export function createFirstCalls(delayMs: number): FirstCalls {
  const readyAtMs = new Map<string, number>();
  return {
    waitMs: (scope, now) => {
      if (delayMs === 0 || scope === undefined) return 0;
      if (scope.isEnabled) {
        readyAtMs.delete(scope.name);
        return 0;
      }
      const readyMs = readyAtMs.get(scope.name) ?? now + delayMs;
      readyAtMs.set(scope.name, readyMs);
      return Math.max(0, readyMs - now);
    },
  };
}
