import { setFlagsFromString } from 'node:v8';

/**
 * Tells V8 that memory matters more than speed: an agent shares its VM with the application that it looks after and decides a
 * few times a second, so the optimizing compiler never earns back what it takes. Saves 12 MB of 90 (`npm run bench` has the
 * figures), half of which is lost when it is done any later. A flag that V8 does not know any more is ignored by it.
 */
export function preferSmallHeap(): void {
  for (const flag of ['--optimize-for-size', '--no-opt']) setFlagsFromString(flag);
}
