import { systemRandom } from '../common/runtime/random.ts';
import { createActions, type Actions } from './actions/actions.ts';
import { DEFAULT_ACTION_SETTINGS } from './actions/settings.ts';
import { createEngine, type Engine, type PerformAction } from './engine/engine.ts';
import type { Opening } from './opening.ts';
import type { RolloutRunner } from './rollout/runner.ts';
import type { WatchHub } from './watch.ts';

/** What runs the jobs. */
export function openEngine(
  { settings, log, clock, closers, store, metrics }: Opening,
  watch: WatchHub,
  rollouts: RolloutRunner,
  ownPort: () => number | undefined,
): Engine {
  const actions = createActions({
    settings: settings.actions ?? DEFAULT_ACTION_SETTINGS,
    allowPrivate: settings.allowPrivate,
    ownPort,
    region: settings.replica.region,
    locationOf: async (ref) => (await store.jobs.findCollection(ref))?.location ?? '',
    clock,
  });
  closers.add(async () => {
    await actions.close();
  });
  const engine = createEngine({
    store,
    clock,
    random: systemRandom,
    log: log.child({ part: 'engine' }),
    perform: metrics?.measurePerform(performer(actions, rollouts)) ?? performer(actions, rollouts),
    laneOf: ({ job }) => (job.definition.action.type === 'Fleet' ? undefined : actions.laneOf(job.definition.action)),
    publish: watch.publish,
    replica: settings.replica,
    calendars: settings.calendars,
  });
  closers.add(async () => {
    await engine.close();
  });
  return engine;
}

function performer(actions: Actions, rollouts: RolloutRunner): PerformAction {
  return (claim, interrupt) => {
    const { action } = claim.job.definition;
    return action.type === 'Fleet'
      ? rollouts.perform(action, claim, interrupt.signal)
      : actions.perform(action, claim, interrupt);
  };
}
