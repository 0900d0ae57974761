import type { ActivityKind } from '../core/action.ts';

/** What can be told about, in the order in which it happens to an event. */
export const PHASES = [
  'event.seen',
  'event.changed',
  'plan.decided',
  'plan.tight',
  'plan.waits',
  'plan.returns',
  'drain.started',
  'drain.proven',
  'drain.failed',
  'promise.prepared',
  'promise.consented',
  'promise.withdrawn',
  'intent',
  'approved',
  'event.started',
  'event.cancelled',
  'event.ended',
  'promise.released',
  'restored',
] as const satisfies readonly ActivityKind[];
export type Phase = (typeof PHASES)[number];

/** What somebody who is not at the keyboard wants to know, without the steps in between. */
export const USUAL_PHASES: readonly Phase[] = [
  'event.seen',
  'plan.tight',
  'plan.waits',
  'drain.failed',
  'approved',
  'event.started',
  'event.cancelled',
  'event.ended',
  'restored',
];
