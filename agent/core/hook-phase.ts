/** Phases of an event at which an operator's executables run, in the order in which they can occur. */
export const HOOK_PHASES = [
  'seen',
  'prepare',
  'ready',
  'failed',
  'approved',
  'started',
  'cancelled',
  'restored',
] as const;
export type HookPhase = (typeof HOOK_PHASES)[number];
