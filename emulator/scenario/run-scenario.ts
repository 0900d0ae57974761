import { systemClock, type Clock } from '../../common/runtime/clock.ts';
import type { Environment } from '../../common/runtime/environment.ts';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import { Closers } from '../../common/runtime/lifecycle.ts';
import { steppedClock, SteppedClock } from '../clock/stepped-clock.ts';
import type { ProgramFiles } from '../emulated-vm.ts';
import { FAULT_KINDS } from '../faults.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { startEmulator, type Emulator } from '../start-emulator.ts';
import { watchGates } from './gates.ts';
import { startLoad, type Load } from './load.ts';
import { createObserver, type Observer } from './observe.ts';
import type { Scenario } from './pure/steps.ts';
import { beginTimeline, followTimeline, performed, type StepResult, type Verb } from './pure/timeline.ts';
import { startStandIns } from './stand-ins.ts';

export interface ScenarioRun {
  readonly scenario: Scenario;
  readonly fleet: Fleet;
  /** Health gates by VM, for VMs that are behind no public address. */
  readonly gates: Readonly<Record<string, string>>;
  /** Undefined: the VMs are somebody's. */
  readonly standIns: { readonly approveAfterMs: number | undefined } | undefined;
  readonly environment: Environment;
  readonly programs: ProgramFiles;
  /** Ends the run early, as failed. */
  readonly stop?: AbortSignal;
}

export interface ScenarioReport {
  readonly name: string;
  readonly description: string;
  readonly clock: 'real' | 'stepped';
  readonly hasPassed: boolean;
  /** ISO 8601; of the scenario's own clock. */
  readonly startedAt: string;
  readonly tookMs: number;
  readonly results: readonly StepResult[];
}

/** Under a stepped clock the finest grain of what is noticed; what happens keeps its exact time. */
const STEP_MS = 250;

/** Plays a scenario against an emulator of its own. Throws a `UserError` when it cannot begin at all. */
export async function runScenario(run: ScenarioRun): Promise<ScenarioReport> {
  const { scenario, fleet } = run;
  const clock = scenario.clock === 'stepped' ? steppedClock() : systemClock;
  if (scenario.clock === 'stepped' && fleet.balancing !== undefined) {
    const message =
      'a stepped clock and a public address do not go together: probes are real requests, which no stepping moves';
    throw new UserError('STEPPED_PROBES', message, { hint: 'run it with --clock real', exitStatus: EXIT_USAGE });
  }
  const closers = new Closers();
  try {
    const { environment, programs } = run;
    const emulator = await startEmulator({ fleet, environment, programs, clock });
    closers.add(async () => {
      await emulator.close();
    });
    if (run.standIns !== undefined) {
      const { approveAfterMs } = run.standIns;
      const standIns = await startStandIns({ emulator, clock, balancing: fleet.balancing, approveAfterMs });
      closers.add(async () => {
        await standIns.close();
      });
    }
    return await play(run, emulator, clock);
  } finally {
    await closers.close();
  }
}

async function play(run: ScenarioRun, emulator: Emulator, clock: Clock): Promise<ScenarioReport> {
  const observer = createObserver(emulator, Object.keys(run.gates));
  const loads: Load[] = [];
  const stopping = new AbortController();
  const alarm = createAlarm(emulator, run.stop);
  const gates = watchGates(run.gates, {
    clock,
    stopping: stopping.signal,
    onChange: (change) => {
      observer.rotate(change);
      alarm.ring();
    },
  });
  let state = beginTimeline(run.scenario, clock.now());
  try {
    for (;;) {
      if (run.stop?.aborted === true) throw new UserError('STOPPED', 'the scenario was stopped before its end');
      const next = followTimeline(state, observer.see(), clock.now());
      state = next.state;
      if (next.kind === 'done') break;
      if (next.kind === 'perform') {
        const problem = await carryOut(next.verb, { emulator, observer, loads, clock });
        state = performed(state, problem, clock.now());
      } else await alarm.wait(clock, next);
    }
  } finally {
    stopping.abort();
    alarm.stop();
    await gates;
  }
  const results = [...state.results];
  for (const load of loads) results.push(await loadResult(load, { clock, startedAtMs: state.startedAtMs }));
  return {
    name: run.scenario.name,
    description: run.scenario.description,
    clock: run.scenario.clock,
    hasPassed: results.every((result) => result.outcome === 'ok'),
    startedAt: new Date(state.startedAtMs).toISOString(),
    tookMs: clock.now() - state.startedAtMs,
    results,
  };
}

interface CarryOutContext {
  readonly emulator: Emulator;
  readonly observer: Observer;
  readonly loads: Load[];
  readonly clock: Clock;
}

/** Undefined, or why it could not be done: a verb that is refused fails its step, not the program. */
async function carryOut(verb: Verb, context: CarryOutContext): Promise<string | undefined> {
  try {
    await perform(verb, context);
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

async function perform(verb: Verb, { emulator, observer, loads, clock }: CarryOutContext): Promise<void> {
  const { operations } = emulator;
  const idOf = (name: string): string => observer.idOf(name) ?? name;
  switch (verb.kind) {
    case 'schedule': {
      const { kind: _kind, as, vms, ...wanted } = verb;
      observer.know(as, operations.schedule({ ...wanted, resources: vms }).eventId);
      return;
    }
    case 'cancel':
    case 'start':
    case 'complete':
      operations[verb.kind](idOf(verb.event));
      return;
    case 'approve':
      operations.approve(verb.by, [idOf(verb.event)]);
      return;
    case 'fault': {
      const kind = FAULT_KINDS.find((known) => known === verb.fault.kind);
      if (kind === undefined) throw new UserError('UNKNOWN_FAULT', `no fault ${verb.fault.kind}`);
      await operations.setFault({ ...verb.fault, kind });
      return;
    }
    case 'clear-faults':
      await operations.clearFaults(verb.vm);
      return;
    case 'load': {
      const url = verb.url === 'public' ? emulator.publicAddress : verb.url;
      if (url === undefined) throw new UserError('NO_PUBLIC_ADDRESS', 'the fleet has no public address');
      loads.push(startLoad({ url, everyMs: verb.everyMs, clock }));
      return;
    }
    default:
      verb satisfies never;
  }
}

async function loadResult(
  load: Load,
  context: { readonly clock: Clock; readonly startedAtMs: number },
): Promise<StepResult> {
  const beganMs = context.clock.now() - context.startedAtMs;
  const { url, sent, failed, firstFailure } = await load.finish();
  const detail = `${sent} requests, ${failed} failed${firstFailure === undefined ? '' : `; the first, ${firstFailure}`}`;
  const outcome = failed === 0 ? 'ok' : 'failed';
  return { what: `no request to ${url} failed`, outcome, detail, beganMs, tookMs: 0 };
}

/** Wakes whoever waits as soon as anything happens in the fleet. */
function createAlarm(emulator: Emulator, stop: AbortSignal | undefined) {
  let waking = new AbortController();
  const ring = (): void => {
    waking.abort();
  };
  const unsubscribe = emulator.feed.subscribe(ring);
  stop?.addEventListener('abort', ring);
  return {
    ring,
    wait: async (clock: Clock, next: { readonly untilMs: number; readonly isWatching: boolean }): Promise<void> => {
      const leftMs = Math.max(0, next.untilMs - clock.now());
      if (clock instanceof SteppedClock) await clock.advance(next.isWatching ? Math.min(leftMs, STEP_MS) : leftMs);
      // What rang since the last look rings now; a timer may also fire a fraction early, and then it is looked at twice.
      else await clock.sleep(Math.max(1, leftMs), waking.signal);
      if (waking.signal.aborted) waking = new AbortController();
    },
    stop: () => {
      unsubscribe();
      stop?.removeEventListener('abort', ring);
    },
  };
}
