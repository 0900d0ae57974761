import type { AgreementRecord, PromiseState } from './record.ts';

interface Addressed {
  readonly scope: string;
  readonly eventId: string;
}

/** A VM reports what it sees and what it has promised. It writes for itself only; the transport must make sure of that. */
export interface ReportCommand extends Addressed {
  readonly kind: 'report';
  readonly name: string;
  readonly vmId: string;
  readonly number: number;
  readonly eventType: string;
  readonly resources: readonly string[];
  readonly promise: Exclude<PromiseState, 'withdrawn'>;
  readonly deadlineReached: boolean;
  /** This VM alone was named once, and recorded an intent on its own disk: counts as an intent for ever. */
  readonly localIntent: boolean;
  /**
   * This VM means to be in rotation again, on the strength of this lower promise being in the record. Where a store could
   * lose it, it is refused, as a withdrawal is.
   */
  readonly stepsBack?: boolean | undefined;
  /**
   * Highest incarnation of the document that this VM has seen: should it lose its journal, it knows by it documents of another
   * time. Compared by this VM only; each may be told another count.
   */
  readonly incarnation?: number | undefined;
  /** When the platform goes ahead by itself, as this VM has read it; not part of what is agreed on. Epoch milliseconds. */
  readonly notBeforeMs?: number | undefined;
}

/** A VM asks to lead, or to go on leading. */
export interface CampaignCommand extends Addressed {
  readonly kind: 'campaign';
  readonly holder: string;
}

/** The leader, after a fresh read of the document, is about to approve. */
export interface IntendCommand extends Addressed {
  readonly kind: 'intend';
  readonly holder: string;
  readonly term: number;
  readonly hash: string;
}

/** The leader's approval was taken by the platform. */
export interface ApproveCommand extends Addressed {
  readonly kind: 'approve';
  readonly holder: string;
  readonly term: number;
}

/** The leader saw the event name other VMs than the record does, or saw an ended event come back. */
export interface ReopenCommand extends Addressed {
  readonly kind: 'reopen';
  readonly holder: string;
  readonly term: number;
  readonly eventType: string;
  readonly resources: readonly string[];
}

/** The leader saw the event gone for as long as it takes to be sure. */
export interface EndCommand extends Addressed {
  readonly kind: 'end';
  readonly holder: string;
  readonly term: number;
}

/** The VM's operator keeps it in service. Refused once any intent was recorded. */
export interface WithdrawCommand extends Addressed {
  readonly kind: 'withdraw';
  readonly name: string;
  readonly vmId: string;
  readonly number: number;
}

/**
 * An operator lets the event go ahead although not everybody has promised. Never a VM's to say: whoever stores records takes it
 * from an operator only.
 */
export interface ForceCommand extends Addressed {
  readonly kind: 'force';
  readonly by: string;
  readonly reason: string;
}

export type AgreementCommand =
  | ReportCommand
  | CampaignCommand
  | IntendCommand
  | ApproveCommand
  | ReopenCommand
  | EndCommand
  | WithdrawCommand
  | ForceCommand;

/** Does it take a promise back? That must not be lost, or the VM is in service while its promise counts. */
export function takesBack(command: AgreementCommand): boolean {
  return command.kind === 'withdraw' || (command.kind === 'report' && command.stepsBack === true);
}

export const REFUSALS = [
  'no-record',
  'not-a-member',
  'other-identity',
  'stale-number',
  'stale-term',
  'lease-held',
  'lease-expired',
  'wrong-phase',
  'hash-differs',
  'not-ready',
  'intent-recorded',
  // The store could forget a withdrawal when its server fails over.
  'withdrawal-unsafe',
] as const;
export type Refusal = (typeof REFUSALS)[number];

export type Outcome = { readonly kind: 'accepted' } | { readonly kind: 'refused'; readonly reason: Refusal };

/** A record after a command. `record` is the one given when the command changed nothing. */
export interface Transition {
  readonly record: AgreementRecord | undefined;
  readonly outcome: Outcome;
}
