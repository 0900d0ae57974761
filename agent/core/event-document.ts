/**
 * The document of scheduled events as this agent understands it: the fields it acts on, and nothing more.
 * Source of the shape: Azure docs, "Scheduled Events for Linux VMs", query for events.
 */
export interface EventDocument {
  /** DocumentIncarnation: differs whenever the array of events differs; starts again after the service was disabled. */
  readonly incarnation: number;
  readonly events: readonly ScheduledEvent[];
}

export interface ScheduledEvent {
  /** As read; compare it through `canonicalEventId`, send it back as it is. */
  readonly eventId: string;
  /** Freeze, Reboot, Redeploy, Preempt, Terminate, or whatever a later api-version adds. */
  readonly eventType: string;
  /** Scheduled or Started; anything else is unknown to us and is never approved. */
  readonly status: string;
  /** Resource names as read. */
  readonly resources: readonly string[];
  /** Epoch milliseconds; undefined once the event has started (the field is empty then) or when it cannot be read. */
  readonly notBeforeMs: number | undefined;
  readonly description: string;
  readonly source: string;
  /** Seconds of impact; -1 when the platform does not know or the api-version does not say. */
  readonly durationSeconds: number;
}
