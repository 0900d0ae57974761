import type { EventSource, EventType, PlatformEvent, PlatformState, ScopeKind, ScopeState } from './state.ts';
import { vmOrUndefined } from './state.ts';
import { isShown } from './zones.ts';

/** One event as the newest api-version shows it, in the order of its keys on the wire. */
export interface DocumentEvent {
  readonly EventId: string;
  readonly EventStatus: 'Scheduled' | 'Started';
  readonly EventType: EventType;
  readonly ResourceType: 'VirtualMachine';
  readonly Resources: readonly string[];
  /** RFC 1123 in GMT; empty once started. */
  readonly NotBefore: string;
  readonly Description: string;
  readonly EventSource: EventSource;
  readonly DurationInSeconds: number;
}

/** What all VMs of a scope see, in the shape of the newest api-version. */
export interface EventsDocument {
  readonly DocumentIncarnation: number;
  readonly Events: readonly DocumentEvent[];
}

/** The document that the VM named `vmName` (any case) sees; undefined when there is no such VM. */
export function documentFor(
  state: PlatformState,
  vmName: string,
): { readonly scope: ScopeState; readonly kind: ScopeKind; readonly document: EventsDocument } | undefined {
  const vm = vmOrUndefined(state, vmName);
  const scope = vm === undefined ? undefined : state.scopes.get(vm.scope);
  return scope === undefined ? undefined : { scope, kind: scope.kind, document: documentOf(scope) };
}

/** The document of a scope. The same scope state always gives the same document, so it may be cached by identity. */
export function documentOf(scope: ScopeState): EventsDocument {
  return {
    DocumentIncarnation: scope.incarnation,
    Events: scope.events.filter((event) => isShown(scope, event)).map(documentEvent),
  };
}

function documentEvent(event: PlatformEvent): DocumentEvent {
  const isScheduled = event.life.phase === 'scheduled' || event.life.phase === 'approved';
  return {
    EventId: event.id,
    EventStatus: isScheduled ? 'Scheduled' : 'Started',
    EventType: event.type,
    ResourceType: 'VirtualMachine',
    Resources: event.resources,
    NotBefore: isScheduled && event.notBeforeMs !== undefined ? new Date(event.notBeforeMs).toUTCString() : '',
    Description: event.description,
    EventSource: event.source,
    DurationInSeconds: event.durationSeconds,
  };
}
