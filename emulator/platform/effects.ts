import type { EventType, PlatformState, PlatformEvent } from './state.ts';

/** What has happened to an event, for whoever watches. */
export const EVENT_CHANGES = [
  'event.scheduled',
  'event.approved',
  'event.started',
  'event.impact',
  'event.impact-ended',
  'event.cancelled',
  'event.gone',
] as const;
export type EventChange = (typeof EVENT_CHANGES)[number];

/** What the shell must do after a step of the platform. */
export type Effect =
  /** Make it real on the host; report `impact-done` when every VM runs again (or is gone for good). */
  | {
      readonly kind: 'impact';
      readonly eventId: string;
      readonly type: EventType;
      readonly vms: readonly string[];
      /** How long the VM is frozen, or down at least; 0 = no interruption. */
      readonly durationMs: number;
    }
  | {
      readonly kind: 'changed';
      readonly change: EventChange;
      readonly event: PlatformEvent;
      /** The VM whose doing it was (an approval). */
      readonly vm: string | undefined;
    };

export interface Step {
  readonly state: PlatformState;
  readonly effects: readonly Effect[];
}

/** Why a command was refused. */
export const PLATFORM_REFUSALS = [
  'unknown-vm',
  'vm-gone',
  'vm-exists',
  'several-scopes',
  'several-update-domains',
  'no-resources',
  'unknown-event',
  'already-started',
  'not-started',
  'too-many-user-operations',
] as const;
export type PlatformRefusal = (typeof PLATFORM_REFUSALS)[number];

export type PlatformOutcome =
  | { readonly kind: 'accepted' }
  /** `message` is for the operator: what was asked for, what was found, what is known. */
  | { readonly kind: 'refused'; readonly reason: PlatformRefusal; readonly message: string };

export interface CommandStep extends Step {
  readonly outcome: PlatformOutcome;
}
