import type { Clock } from '../../common/runtime/clock.ts';
import type { Action } from '../core/action.ts';
import type { Observation } from '../core/observation.ts';
import type { AgentState } from '../core/state.ts';
import type { Witness } from '../witness.ts';
import type { Instruments } from './instruments.ts';

/** Counts and measures what happens, as it happens. */
export function createRecorder(instruments: Instruments, clock: Clock): Witness {
  const { polls, lastPoll, approvals, persistFailures, hookSeconds } = instruments;
  let drainBeganMs: number | undefined;
  const hookBeganMs = new Map<string, number>();

  const recordActivity = ({ activity, eventId }: Extract<Action, { kind: 'activity' }>, state: AgentState): void => {
    const promise = Object.values(state.events).find((entry) => entry.promise.eventId === eventId)?.promise;
    if (activity === 'drain.started') drainBeganMs = clock.monotonic();
    else if (activity === 'drain.failed') instruments.drainFailures.inc();
    else if (activity === 'drain.proven' && drainBeganMs !== undefined) {
      instruments.drainSeconds.observe((clock.monotonic() - drainBeganMs) / 1000);
      drainBeganMs = undefined;
    } else if (activity === 'approved' && promise?.notBeforeMs !== undefined) {
      instruments.approvalLead.observe((promise.notBeforeMs - clock.now()) / 1000);
    } else if (activity === 'event.changed' && (promise?.posted === true || promise?.approved === true)) {
      instruments.grew.inc();
    }
  };

  const recordHook = ({ key, phase, ok }: Extract<Observation, { kind: 'hook' }>): void => {
    const beganMs = hookBeganMs.get(`${key} ${phase}`);
    hookBeganMs.delete(`${key} ${phase}`);
    if (beganMs === undefined) return;
    hookSeconds.observe({ phase, result: ok ? 'ok' : 'failed' }, (clock.monotonic() - beganMs) / 1000);
  };

  return {
    observed: (observation) => {
      if (observation.kind === 'poll') {
        polls.inc({ result: observation.result.kind });
        if (observation.result.kind !== 'failed') lastPoll.set(clock.now() / 1000);
      } else if (observation.kind === 'posted') approvals.inc({ result: observation.outcome });
      else if (observation.kind === 'persist-failed') persistFailures.inc();
      else if (observation.kind === 'hook') recordHook(observation);
    },
    wanted: (action, state) => {
      if (action.kind === 'hook') hookBeganMs.set(`${action.key} ${action.phase}`, clock.monotonic());
      else if (action.kind === 'activity') recordActivity(action, state);
    },
  };
}
