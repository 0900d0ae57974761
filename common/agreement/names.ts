import { createHash } from 'node:crypto';

/**
 * A VM's resource name in the one form that may be compared, hashed or used as a key: lower case, and without the underscore
 * that api-version 2017-03-01 puts before the names of IaaS VMs. Documents of different api-versions, read by different
 * VMs, must lead to the same name.
 */
export function canonicalName(resourceName: string): string {
  const lower = resourceName.toLowerCase();
  return lower.startsWith('_') ? lower.slice(1) : lower;
}

/** An EventId in the one form that may be compared. Azure sends upper-case GUIDs; clients echo them in any case. */
export function canonicalEventId(eventId: string): string {
  return eventId.toUpperCase();
}

/** What an agreement about an event is about. Two VMs agree only if all of this is the same for both. */
export interface AgreementSubject {
  readonly eventId: string;
  readonly eventType: string;
  /** Resource names as read; their order and case do not matter. */
  readonly resources: readonly string[];
}

/**
 * The fingerprint that promises, intents and reports carry: they count only for exactly this set of VMs. NotBefore is left
 * out on purpose: it disappears when the event starts, and moving it changes nothing that was promised.
 */
export function subjectHash(subject: AgreementSubject): string {
  const names = [...new Set(subject.resources.map(canonicalName))].toSorted();
  const text = JSON.stringify([canonicalEventId(subject.eventId), subject.eventType, names]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
