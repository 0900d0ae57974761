import type { AgreementRecord } from '../../common/agreement/record.ts';
import type { Outcome } from '../../common/agreement/command.ts';
import type { EventDocument } from './event-document.ts';
import type { HookPhase } from './hook-phase.ts';

/** What a read of the metadata service came to. A failure is a failure, never "no events". */
export type PollResult =
  | { readonly kind: 'document'; readonly document: EventDocument }
  /** 304: the document is the one that was read last. */
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'failed'; readonly reason: string };

/** What the outside tells the core. Everything it knows comes this way, one observation at a time. */
export type Observation =
  /** Time has passed; needed now and then so that waits end. */
  | { readonly kind: 'tick' }
  | { readonly kind: 'poll'; readonly result: PollResult }
  /** Answer to `read-fresh`. `unchanged` is not allowed here. */
  | { readonly kind: 'read'; readonly token: number; readonly result: PollResult }
  /** accepted: 200 · refused: the platform said no · unknown: no answer, it may or may not have arrived. */
  | {
      readonly kind: 'posted';
      readonly token: number;
      readonly outcome: 'accepted' | 'refused' | 'unknown';
      readonly detail: string;
    }
  | { readonly kind: 'persisted'; readonly revision: number }
  | { readonly kind: 'persist-failed'; readonly revision: number; readonly reason: string }
  | { readonly kind: 'connected' }
  | { readonly kind: 'disconnected' }
  | { readonly kind: 'records'; readonly id: number; readonly records: readonly AgreementRecord[] }
  /** A record in which this VM has a part has changed. */
  | { readonly kind: 'record'; readonly record: AgreementRecord }
  | {
      readonly kind: 'answer';
      readonly id: number;
      readonly outcome: Outcome;
      readonly record: AgreementRecord | undefined;
    }
  /** A command or reconcile got no answer in time; it may have been applied. */
  | { readonly kind: 'unanswered'; readonly id: number }
  | { readonly kind: 'turned-away'; readonly ok: boolean; readonly detail: string }
  | { readonly kind: 'drain-read'; readonly token: number; readonly clear: boolean; readonly detail: string }
  | { readonly kind: 'back-in'; readonly ok: boolean; readonly detail: string }
  | {
      readonly kind: 'hook';
      readonly key: string;
      readonly phase: HookPhase;
      readonly ok: boolean;
      readonly detail: string;
    }
  /** The scheduler wants the VM out for maintenance. */
  | {
      readonly kind: 'maintenance-drain';
      readonly workId: string;
      readonly attempt: number;
      readonly reason: string;
      readonly untilWallMs: number;
    }
  | { readonly kind: 'maintenance-restore'; readonly workId: string; readonly attempt: number }
  /** Answer to `ask-leave`; granted is undefined when nobody answered. */
  | { readonly kind: 'leave'; readonly id: number; readonly granted: boolean | undefined; readonly detail: string }
  /** The operator of this VM keeps it in service although the event names it; answered by `reply.withdrawn`. */
  | { readonly kind: 'withdraw'; readonly eventId: string };
