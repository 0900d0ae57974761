import { documentOf, type DocumentEvent } from '../platform/document.ts';
import type { ScopeState } from '../platform/state.ts';
import { EVENT_VERSIONS, type EventVersion } from './versions.ts';

/**
 * The document of a scope as one api-version shows it: compact JSON with the keys in Azure's order. An older version leaves
 * out the keys and the event types that came later (Azure docs, Scheduled Events, "Version and region availability").
 */
export function renderEvents(scope: ScopeState, version: EventVersion): string {
  const document = documentOf(scope);
  const has = (since: EventVersion): boolean => EVENT_VERSIONS.indexOf(version) >= EVENT_VERSIONS.indexOf(since);
  // The first version put an underscore before the names of VMs outside cloud services.
  const prefix = version === '2017-03-01' && scope.kind !== 'cloud-service' ? '_' : '';
  const events = document.Events.filter((event) => isShown(event, has)).map((event) => ({
    EventId: event.EventId,
    EventStatus: event.EventStatus,
    EventType: event.EventType,
    ResourceType: event.ResourceType,
    Resources: prefix === '' ? event.Resources : event.Resources.map((name) => `${prefix}${name}`),
    NotBefore: event.NotBefore,
    ...(has('2019-04-01') ? { Description: event.Description } : {}),
    ...(has('2019-08-01') ? { EventSource: event.EventSource } : {}),
    ...(has('2020-07-01') ? { DurationInSeconds: event.DurationInSeconds } : {}),
  }));
  return JSON.stringify({ DocumentIncarnation: document.DocumentIncarnation, Events: events });
}

function isShown(event: DocumentEvent, has: (since: EventVersion) => boolean): boolean {
  if (event.EventType === 'Preempt') return has('2017-11-01');
  if (event.EventType === 'Terminate') return has('2019-01-01');
  return true;
}
