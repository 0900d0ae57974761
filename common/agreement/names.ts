import { hash } from 'node:crypto';

/**
 * A VM's resource name in the one form that may be compared, hashed or used as a key: lower case, and without the underscore
 * that api-version 2017-03-01 puts before the names of IaaS VMs. Documents of different api-versions, read by different
 * VMs, must lead to the same name.
 */
export function canonicalName(resourceName: string): string {
  const lower = resourceName.toLowerCase();
  return lower.startsWith('_') ? lower.slice(1) : lower;
}

/**
 * What was made of a list of names, by the list itself: a document or a record is read once, and asked for its VMs with every
 * decision. Lists are never changed.
 */
const CANONICAL = new WeakMap<readonly string[], readonly string[]>();

/** Resource names of an event in the form that may be compared, without repetitions, in their order. */
export function canonicalNames(resources: readonly string[]): readonly string[] {
  const known = CANONICAL.get(resources);
  if (known !== undefined) return known;
  const names = [...new Set(resources.map(canonicalName))];
  CANONICAL.set(resources, names);
  return names;
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
  const { eventId, eventType, resources } = subject;
  const known = HASHES.get(resources);
  if (known?.eventId === eventId && known.eventType === eventType) return known.hash;
  const text = JSON.stringify([canonicalEventId(eventId), eventType, canonicalNames(resources).toSorted()]);
  const made = { eventId, eventType, hash: hash('sha256', text).slice(0, 32) };
  HASHES.set(resources, made);
  return made.hash;
}

/** The newest hash over a list of names, as `CANONICAL`. */
const HASHES = new WeakMap<
  readonly string[],
  { readonly eventId: string; readonly eventType: string; readonly hash: string }
>();
