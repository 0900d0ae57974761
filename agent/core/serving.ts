import type { EventEntry } from './state.ts';

/** May this VM be in rotation as far as this event is concerned? */
export function isServing(entry: EventEntry): boolean {
  const { promise, plan } = entry;
  if (promise.promise === 'released' || promise.promise === 'withdrawn' || promise.resumed) return true;
  return plan.stance === 'serving' && !promise.offered;
}
