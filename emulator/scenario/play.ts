import { systemClock } from '../../common/runtime/clock.ts';
import { UserError } from '../../common/runtime/errors.ts';
import { watchGates } from './gates.ts';
import { startLoad, type Load } from './load.ts';
import { createObserver, type Observer } from './observe.ts';
import type { Scenario } from './pure/steps.ts';
import { beginTimeline, followTimeline, performed, type StepResult, type Verb } from './pure/timeline.ts';
import type { ScenarioTarget, TargetVerb } from './target.ts';

/** A scenario to be played, wherever. */
export interface Playing {
  readonly scenario: Scenario;
  /** Health gates by VM, for VMs that are behind no public address. */
  readonly gates: Readonly<Record<string, string>>;
  /** Ends the run early, as failed. */
  readonly stop?: AbortSignal;
}

export interface ScenarioReport {
  readonly name: string;
  readonly description: string;
  readonly clock: 'real' | 'stepped';
  readonly hasPassed: boolean;
  /** ISO 8601; of the emulator's clock. */
  readonly startedAt: string;
  readonly tookMs: number;
  readonly results: readonly StepResult[];
}

/** Plays a scenario against `target`. */
export async function play(run: Playing, target: ScenarioTarget): Promise<ScenarioReport> {
  const loads: Load[] = [];
  const stopping = new AbortController();
  const alarm = createAlarm(run.stop);
  const observer = await createObserver(target, Object.keys(run.gates), alarm.ring);
  const gates = watchGates(run.gates, {
    clock: systemClock,
    stopping: stopping.signal,
    onChange: ({ vm, isIn }) => {
      observer.rotate({ vm, isIn, atMs: target.now() });
      alarm.ring();
    },
  });
  let state = beginTimeline(run.scenario, target.now());
  const results: StepResult[] = [];
  try {
    for (;;) {
      if (run.stop?.aborted === true) throw new UserError('STOPPED', 'the scenario was stopped before its end');
      const next = followTimeline(state, await observer.see(), target.now());
      state = next.state;
      if (next.kind === 'done') break;
      if (next.kind === 'perform') {
        const problem = await carryOut(next.verb, { target, observer, loads });
        state = performed(state, problem, target.now());
      } else {
        // A timer may fire a fraction early, and then it is looked at twice.
        await target.pass(Math.max(1, next.untilMs - target.now()), next.isWatching, alarm.signal());
        alarm.reset();
      }
    }
  } finally {
    stopping.abort();
    alarm.stop();
    observer.stop();
    await gates;
    // Also after a failure: a load that goes on would keep the process alive.
    for (const load of loads) results.push(await loadResult(load, target.now() - state.startedAtMs));
  }
  results.unshift(...state.results);
  return {
    name: run.scenario.name,
    description: run.scenario.description,
    clock: run.scenario.clock,
    hasPassed: results.every((result) => result.outcome === 'ok'),
    startedAt: new Date(state.startedAtMs).toISOString(),
    tookMs: target.now() - state.startedAtMs,
    results,
  };
}

interface CarryOutContext {
  readonly target: ScenarioTarget;
  readonly observer: Observer;
  readonly loads: Load[];
}

/** Undefined, or why it could not be done: a verb that is refused fails its step, not the program. */
async function carryOut(verb: Verb, { target, observer, loads }: CarryOutContext): Promise<string | undefined> {
  try {
    if (verb.kind === 'load') {
      const url = verb.url === 'public' ? target.publicAddress : verb.url;
      if (url === undefined) return 'the fleet has no public address';
      loads.push(startLoad({ url, everyMs: verb.everyMs, clock: systemClock }));
      return undefined;
    }
    const id = await target.perform(withIds(verb, observer));
    if (id !== undefined && 'as' in verb && verb.as !== undefined) observer.know(verb.as, id);
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

/** A scenario's names replaced by what the emulator calls the same. */
function withIds(verb: TargetVerb, observer: Observer): TargetVerb {
  if ('event' in verb) return { ...verb, event: observer.idOf(verb.event) ?? verb.event };
  if ('maintenance' in verb) return { ...verb, maintenance: observer.idOf(verb.maintenance) ?? verb.maintenance };
  return verb;
}

async function loadResult(load: Load, beganMs: number): Promise<StepResult> {
  const { url, sent, failed, firstFailure } = await load.finish();
  const detail = `${sent} requests, ${failed} failed${firstFailure === undefined ? '' : `; the first, ${firstFailure}`}`;
  const outcome = failed === 0 ? 'ok' : 'failed';
  return { what: `no request to ${url} failed`, outcome, detail, beganMs, tookMs: 0 };
}

/** Wakes whoever waits as soon as anything happens. */
function createAlarm(stop: AbortSignal | undefined) {
  let waking = new AbortController();
  const ring = (): void => {
    waking.abort();
  };
  stop?.addEventListener('abort', ring);
  return {
    ring,
    signal: () => waking.signal,
    /** What rings from now on, also while somebody looks, ends the next wait. */
    reset: () => {
      if (waking.signal.aborted && stop?.aborted !== true) waking = new AbortController();
    },
    stop: () => {
      stop?.removeEventListener('abort', ring);
    },
  };
}
