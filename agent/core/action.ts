import type { AgreementCommand } from '../../common/agreement/command.ts';
import type { HookPhase } from './hook-phase.ts';
import type { DurableState } from './state.ts';

/** What an operator wants on the fleet's timeline; the protocol knows these and more. */
export type ActivityKind =
  | 'event.seen'
  | 'event.changed'
  | 'event.started'
  | 'event.ended'
  | 'event.cancelled'
  | 'drain.started'
  | 'drain.proven'
  | 'drain.failed'
  | 'plan.decided'
  | 'plan.tight'
  | 'plan.waits'
  | 'plan.returns'
  | 'promise.prepared'
  | 'promise.consented'
  | 'promise.withdrawn'
  | 'promise.released'
  | 'intent'
  | 'approved'
  | 'restored';

/**
 * What the core wants done. Whoever performs it answers every action of the first group with exactly one observation, also
 * when it failed or took too long; the second group has no answer.
 */
export type Action =
  /** Append to the journal, durably; → `persisted` or `persist-failed`. Later revisions contain earlier ones. */
  | { readonly kind: 'persist'; readonly revision: number; readonly durable: DurableState }
  /** Ask the coordinator for its records of this VM; → `records`, or `unanswered`. */
  | { readonly kind: 'reconcile'; readonly id: number }
  /** Write to the record of an event; → `answer` or `unanswered`. */
  | { readonly kind: 'submit'; readonly id: number; readonly command: AgreementCommand }
  /** GET made for this purpose, now, without If-None-Match; → `read`. */
  | { readonly kind: 'read-fresh'; readonly token: number; readonly eventId: string }
  /** The approval itself; → `posted`. Sent only after a fresh read and (for several VMs) an accepted intent. */
  | { readonly kind: 'post'; readonly token: number; readonly eventId: string }
  /** Turn traffic away at every balancer, again when one has forgotten; → `turned-away`. */
  | { readonly kind: 'drain.start' }
  /** Look once whether traffic is left; → `drain-read`. Performed a moment after the last read, not at once. */
  | { readonly kind: 'drain.read'; readonly token: number }
  /** Let traffic in again; → `back-in`. */
  | { readonly kind: 'drain.restore' }
  /** Run the executables of a phase; → `hook`. `key` is the entry's. */
  | { readonly kind: 'hook'; readonly key: string; readonly phase: HookPhase; readonly subject: HookSubject }
  /** Can the role do without this VM? `minimum` others must be in service; → `leave`. */
  | { readonly kind: 'ask-leave'; readonly id: number; readonly key: string; readonly minimum: number }
  /** For the timeline of the fleet. */
  | {
      readonly kind: 'activity';
      readonly activity: ActivityKind;
      readonly eventId: string | undefined;
      readonly detail: string;
    }
  | {
      readonly kind: 'log';
      readonly level: 'info' | 'warn' | 'error';
      readonly eventId: string | undefined;
      readonly message: string;
      readonly detail: string;
    }
  | {
      readonly kind: 'reply.drained';
      readonly workId: string;
      readonly attempt: number;
      readonly proven: boolean;
      readonly detail: string;
    }
  | { readonly kind: 'reply.restored'; readonly workId: string; readonly attempt: number }
  /** What came of `withdraw`. */
  | { readonly kind: 'reply.withdrawn'; readonly eventId: string; readonly ok: boolean; readonly detail: string };

/** What hooks are told, as JSON on their standard input. */
export interface HookSubject {
  readonly eventId: string;
  readonly eventType: string;
  readonly status: string;
  readonly resources: readonly string[];
  /** Epoch milliseconds, null once it has started. */
  readonly notBeforeMs: number | null;
  readonly description: string;
  readonly source: string;
  readonly durationSeconds: number;
  /** What a notice that is too short for everything leaves for the hooks that gate, in milliseconds. */
  readonly withinMs?: number;
}
