/**
 * How long to wait before attempt number `attempt` (0 = the first retry): `baseMs` doubled each time, never above `maxMs`,
 * spread over the upper half of that range so that a fleet that lost its server together does not come back together.
 * `fraction` is a random number in [0, 1).
 */
export function backoffMs(attempt: number, limits: { baseMs: number; maxMs: number }, fraction: number): number {
  const ceiling = Math.min(limits.maxMs, limits.baseMs * 2 ** Math.min(attempt, 30));
  return Math.round(ceiling / 2 + (ceiling / 2) * fraction);
}
