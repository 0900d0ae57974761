import type { Effect, Step, EventChange } from './effects.ts';
import { disableForgotten, disablesAt } from './enabling.ts';
import { isShown, zoneForgottenAt } from './zones.ts';
import {
  FINISHED_KEPT,
  type EventLife,
  type FinishedEvent,
  type PlatformEvent,
  type PlatformSettings,
  type PlatformState,
  type ScopeState,
} from './state.ts';

/** Everything that falls due by `now`: NotBefore, the start after an approval, the impact, the end. */
export function advance(state: PlatformState, now: number): Step {
  let current = state;
  const effects: Effect[] = [];
  for (const { name } of state.scopes.values()) {
    // An event may take several steps at once (start and impact without a delay between them), and one that starts may be
    // what another has waited for: so the first one due, until none is.
    for (;;) {
      const scope = current.scopes.get(name);
      const due = scope?.events.find((event) => (deadlineOf(event, scope) ?? Infinity) <= now);
      if (due === undefined) break;
      const step = passDeadline(current, due, now);
      current = step.state;
      effects.push(...step.effects);
    }
  }
  return { state: disableForgotten(current, now), effects };
}

/** When `advance` next has something to do, epoch milliseconds; undefined when only a command can change anything. */
export function nextDeadline(state: PlatformState): number | undefined {
  let earliest: number | undefined;
  for (const scope of state.scopes.values()) {
    for (const forgottenAtMs of [disablesAt(scope, state.settings), zoneForgottenAt(scope, state.settings)]) {
      if (forgottenAtMs !== undefined && forgottenAtMs < (earliest ?? Infinity)) earliest = forgottenAtMs;
    }
    for (const event of scope.events) {
      const deadlineMs = deadlineOf(event, scope);
      if (deadlineMs !== undefined && (earliest === undefined || deadlineMs < earliest)) earliest = deadlineMs;
    }
  }
  return earliest;
}

function deadlineOf(event: PlatformEvent, scope: ScopeState): number | undefined {
  switch (event.life.phase) {
    case 'scheduled':
      return event.notBeforeMs;
    case 'approved':
      if (waitsForOtherDeletes(event, scope)) return event.notBeforeMs;
      // Other tenants may time out no later than NotBefore: then it starts all the same.
      return Math.min(event.life.startsAtMs, event.notBeforeMs ?? event.life.startsAtMs);
    case 'started':
      return event.life.impactAtMs;
    case 'impact':
      // Ends when the host says so.
      return undefined;
    case 'lingering':
      return event.life.goneAtMs;
    default:
      return event.life satisfies never;
  }
}

/**
 * Deletes of a scale set are approved together: an approved one waits while another is neither approved nor has reached its
 * NotBefore. Its own NotBefore ends the wait, because the time-out of a delete cannot be extended (Azure docs, Terminate
 * notification, "Approve all pending deletes").
 */
function waitsForOtherDeletes(event: PlatformEvent, scope: ScopeState): boolean {
  if (event.type !== 'Terminate' || scope.kind !== 'scale-set') return false;
  return scope.events.some((other) => other.type === 'Terminate' && other.life.phase === 'scheduled');
}

function passDeadline(state: PlatformState, event: PlatformEvent, now: number): Step {
  switch (event.life.phase) {
    case 'scheduled':
    case 'approved':
      return startEvent(state, event, now);
    case 'started':
      return beginImpact(state, event, { startedAtMs: event.life.startedAtMs, now });
    case 'impact':
      return { state, effects: [] };
    case 'lingering':
      return removeEvent(state, event, { outcome: 'completed', now });
    default:
      return event.life satisfies never;
  }
}

/** From Scheduled to Started: the document changes, and NotBefore becomes empty in it. */
export function startEvent(state: PlatformState, event: PlatformEvent, now: number): Step {
  const life: EventLife = {
    phase: 'started',
    startedAtMs: now,
    impactAtMs: now + state.settings.impactAfterStartMs,
  };
  const started = { ...event, life };
  return { state: putEvent(state, started, true), effects: [changed('event.started', started)] };
}

function beginImpact(
  state: PlatformState,
  event: PlatformEvent,
  at: { readonly startedAtMs: number; readonly now: number },
): Step {
  const hit: PlatformEvent = {
    ...event,
    life: { phase: 'impact', startedAtMs: at.startedAtMs, impactStartedAtMs: at.now },
  };
  // Inside the guest nothing tells the impact from Started: the document stays as it is.
  return {
    state: putEvent(state, hit, false),
    effects: [
      changed('event.impact', hit),
      {
        kind: 'impact',
        eventId: hit.id,
        type: hit.type,
        vms: hit.resources,
        durationMs: impactMs(hit, state.settings),
      },
    ],
  };
}

function impactMs(event: PlatformEvent, settings: PlatformSettings): number {
  switch (event.type) {
    case 'Freeze':
      return event.durationSeconds < 0 ? settings.freezeMs : event.durationSeconds * 1000;
    case 'Reboot':
    case 'Redeploy':
      return settings.rebootAtLeastMs;
    case 'Preempt':
    case 'Terminate':
      return 0;
    default:
      return event.type satisfies never;
  }
}

/** The host is done: the VMs run again, or are gone for good. The event stays in the document for a while. */
export function endImpact(state: PlatformState, event: PlatformEvent, now: number): Step {
  if (event.life.phase !== 'impact') return { state, effects: [] };
  const { startedAtMs, impactStartedAtMs } = event.life;
  const goneAtMs = now + state.settings.lingerAfterImpactMs;
  const ended: PlatformEvent = {
    ...event,
    life: { phase: 'lingering', startedAtMs, impactStartedAtMs, impactEndedAtMs: now, goneAtMs },
  };
  const isForGood = event.type === 'Preempt' || event.type === 'Terminate';
  const leaves = event.leaves ?? (event.type === 'Terminate' ? 'deleted' : 'deallocated');
  const goneVms = isForGood
    ? new Map([...state.goneVms, ...event.resources.map((name) => [name.toLowerCase(), leaves] as const)])
    : state.goneVms;
  return { state: putEvent({ ...state, goneVms }, ended, false), effects: [changed('event.impact-ended', ended)] };
}

/** Out of the document. A VM cannot tell one outcome from the other, except by having seen Started. */
export function removeEvent(
  state: PlatformState,
  event: PlatformEvent,
  end: { readonly outcome: FinishedEvent['outcome']; readonly now: number },
): Step {
  const scope = state.scopes.get(event.scope);
  if (scope === undefined) return { state, effects: [] };
  const events = scope.events.filter((other) => other.id !== event.id);
  const scopes = new Map(state.scopes).set(scope.name, {
    ...scope,
    events,
    incarnation: nextIncarnation(scope, event),
  });
  const finished = [...state.finished, { event, outcome: end.outcome, goneAtMs: end.now }].slice(-FINISHED_KEPT);
  return {
    state: { ...state, scopes, finished },
    effects: [changed(end.outcome === 'cancelled' ? 'event.cancelled' : 'event.gone', event)],
  };
}

/** Adds the event, or replaces it by its id. `isVisible`: the document is another one by it. */
export function putEvent(state: PlatformState, event: PlatformEvent, isVisible: boolean): PlatformState {
  const scope = state.scopes.get(event.scope);
  if (scope === undefined) return state;
  const isKnown = scope.events.some((other) => other.id === event.id);
  const events = isKnown
    ? scope.events.map((other) => (other.id === event.id ? event : other))
    : [...scope.events, event];
  const incarnation = isVisible ? nextIncarnation(scope, event) : scope.incarnation;
  return { ...state, scopes: new Map(state.scopes).set(scope.name, { ...scope, events, incarnation }) };
}

/**
 * Nobody has read a document of a scope that is not enabled yet: its first one is number 1, whatever is in it. And what is not
 * in the document does not change it.
 */
function nextIncarnation(scope: ScopeState, event: PlatformEvent): number {
  return scope.isEnabled && isShown(scope, event) ? scope.incarnation + 1 : scope.incarnation;
}

/** The effect that tells watchers. */
export function changed(change: EventChange, event: PlatformEvent, vm?: string): Effect {
  return { kind: 'changed', change, event, vm };
}
