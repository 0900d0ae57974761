import { canonicalEventId } from '../common/agreement/names.ts';
import type { Correlation } from '../common/runtime/log.ts';
import type { Action } from './core/action.ts';
import { decide } from './core/decide.ts';
import type { Observation } from './core/observation.ts';
import type { AgentState } from './core/state.ts';
import { OPERATOR_WORK } from './operator-work.ts';
import { createPerformer, createPersister, type PerformParts } from './perform.ts';
import type { Witness } from './witness.ts';

export interface ShellParts extends PerformParts {
  readonly initial: AgentState;
  /** Back in service for everybody: in rotation, and noticed by the balancers. */
  isHealthy(): boolean;
  /** What came of a wish to keep the VM in service. */
  withdrawn?(result: { readonly eventId: string; readonly ok: boolean; readonly detail: string }): void;
  readonly witness?: Witness;
  /** The VM came into rotation or left it. */
  rotationChanged(): void;
}

export interface Shell {
  /** Tells the core something, and performs what it wants. Nothing is observed any more once `signal` has aborted. */
  observe(observation: Observation): void;
  state(): AgentState;
}

/** Performs the core's actions and brings their answers back. Keeps the state; decides nothing. */
export function createShell(parts: ShellParts): Shell {
  const { clock, signal } = parts;
  let state = parts.initial;
  const perform = createPerformer(parts);
  const persist = createPersister(parts.journal, parts.log);

  const observe = (observation: Observation): void => {
    if (signal.aborted) return;
    const wasIn = state.rotation.state === 'in';
    const decision = decide(state, observation, { wallMs: clock.now(), monotonicMs: clock.monotonic() });
    state = decision.state;
    parts.witness?.observed(observation, state);
    for (const action of decision.actions) {
      parts.witness?.wanted(action, state);
      // A rejection here is a bug of ours: the process ends with it, and comes back drained.
      if (isTold(action)) tellOthers(action, state, parts);
      else void answer(action);
    }
    if ((state.rotation.state === 'in') !== wasIn) parts.rotationChanged();
  };

  const answer = async (action: Exclude<Action, UnansweredAction>): Promise<void> => {
    observe(action.kind === 'persist' ? await persist(action) : await perform(action));
  };

  return { observe, state: () => state };
}

type UnansweredAction = Extract<
  Action,
  { kind: 'activity' | 'log' | 'reply.drained' | 'reply.restored' | 'reply.withdrawn' }
>;

function isTold(action: Action): action is UnansweredAction {
  const { kind } = action;
  return (
    kind === 'activity' ||
    kind === 'log' ||
    kind === 'reply.drained' ||
    kind === 'reply.restored' ||
    kind === 'reply.withdrawn'
  );
}

function tellOthers(action: UnansweredAction, state: AgentState, parts: ShellParts): void {
  const { log, coordinator, clock } = parts;
  switch (action.kind) {
    case 'log':
      log[action.level]({ ...correlate(state, action.eventId), detail: action.detail }, action.message);
      return;
    case 'activity': {
      const { activity, eventId, detail } = action;
      log.info({ ...correlate(state, eventId), detail }, activity);
      coordinator?.tell({
        kind: 'activity',
        activity: {
          kind: activity,
          atMs: clock.now(),
          // The protocol takes so much.
          ...(eventId === undefined ? {} : { eventId: eventId.slice(0, 64) }),
          detail: detail.slice(0, 2000),
        },
      });
      return;
    }
    case 'reply.drained': {
      const { workId, attempt, proven, detail } = action;
      log.info({ work_id: workId, attempt, proven, detail }, 'the drain of a maintenance');
      if (workId === OPERATOR_WORK) return;
      coordinator?.tell({ kind: 'drained', workId, attempt, proven, detail: detail.slice(0, 2000) });
      return;
    }
    case 'reply.restored': {
      const { workId, attempt } = action;
      if (workId === OPERATOR_WORK) return;
      coordinator?.tell({ kind: 'restored', workId, attempt, healthy: parts.isHealthy(), detail: 'back in rotation' });
      return;
    }
    case 'reply.withdrawn': {
      const { eventId, ok, detail } = action;
      log[ok ? 'info' : 'warn']({ event_id: eventId, detail }, ok ? 'withdrawn' : 'not withdrawn');
      parts.withdrawn?.(action);
      return;
    }
    default:
      action satisfies never;
  }
}

/** How far an event had come when a line was written. */
function correlate(state: AgentState, eventId: string | undefined): Correlation {
  if (eventId === undefined) return {};
  const entry = state.events[canonicalEventId(eventId)];
  return {
    event_id: eventId,
    incarnation: state.incarnation,
    term: entry?.record?.term,
    phase: entry?.promise.promise,
    attempt: entry?.preparation.attempt,
  };
}
