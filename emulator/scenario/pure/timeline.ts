import { judge, type Observation } from './judge.ts';
import { describeStep, seconds, type Scenario, type Step } from './steps.ts';

export interface StepResult {
  readonly what: string;
  readonly outcome: 'ok' | 'failed' | 'skipped';
  /** Why, or how well; may be empty. */
  readonly detail: string;
  /** Since the beginning of the scenario, milliseconds. */
  readonly beganMs: number;
  readonly tookMs: number;
}

/** Where a run is. */
export interface TimelineState {
  readonly scenario: Scenario;
  readonly startedAtMs: number;
  /** When the current step began: the end of the one before. */
  readonly stepAtMs: number;
  readonly results: readonly StepResult[];
  /** The verb that was handed out and has not been reported as done. */
  readonly isPerforming: boolean;
}

/** Steps that the shell has to carry out; the others only look. */
export type Verb = Exclude<Step, { readonly kind: 'wait' | 'expect' | 'never' }>;

export type TimelineStep =
  /** Carry it out, then call `performed`. */
  | { readonly kind: 'perform'; readonly state: TimelineState; readonly verb: Verb }
  /** Look again at `untilMs`; sooner when something happens, where `isWatching`. */
  | { readonly kind: 'wait'; readonly state: TimelineState; readonly untilMs: number; readonly isWatching: boolean }
  | { readonly kind: 'done'; readonly state: TimelineState };

export function beginTimeline(scenario: Scenario, now: number): TimelineState {
  return { scenario, startedAtMs: now, stepAtMs: now, results: [], isPerforming: false };
}

/** What is to be done at `now`, given what was seen by then. After the first failure the rest is skipped. */
export function followTimeline(state: TimelineState, seen: Observation, now: number): TimelineStep {
  let current = state;
  for (;;) {
    const step = current.scenario.steps[current.results.length];
    if (step === undefined) return { kind: 'done', state: current };
    const looked = look(current, step, { seen, now });
    if (looked.kind === 'perform') {
      return { kind: 'perform', state: { ...current, isPerforming: true }, verb: looked.verb };
    }
    if (looked.kind === 'wait') {
      return { kind: 'wait', state: current, untilMs: looked.untilMs, isWatching: step.kind !== 'wait' };
    }
    current = finishStep(current, looked, now);
  }
}

/** A verb was carried out: undefined, or the reason why it could not be. */
export function performed(state: TimelineState, problem: string | undefined, now: number): TimelineState {
  const found = problem === undefined ? ok('', now) : failed(problem);
  return { ...finishStep(state, found, now), isPerforming: false };
}

type Looked =
  | { readonly kind: 'perform'; readonly verb: Verb }
  | { readonly kind: 'wait'; readonly untilMs: number }
  | {
      readonly kind: 'ended';
      readonly outcome: StepResult['outcome'];
      readonly detail: string;
      readonly atMs?: number;
    };

function look(state: TimelineState, step: Step, at: { readonly seen: Observation; readonly now: number }): Looked {
  const { now } = at;
  if (state.results.some((result) => result.outcome === 'failed')) {
    return { kind: 'ended', outcome: 'skipped', detail: '' };
  }
  switch (step.kind) {
    case 'wait': {
      const untilMs = state.stepAtMs + step.ms;
      return now >= untilMs ? ok('', untilMs) : { kind: 'wait', untilMs };
    }
    case 'expect': {
      const untilMs = state.stepAtMs + step.withinMs;
      const verdict = judge(step.that, at.seen, now);
      if (verdict.kind === 'lost') return failed(verdict.detail);
      if (verdict.kind === 'so') {
        if (verdict.atMs <= untilMs) return ok(verdict.detail, Math.max(state.stepAtMs, verdict.atMs));
        // With no time allowed the question is what is so now; `atMs` may be later only by the clock's last digit.
        return step.withinMs === 0
          ? ok(verdict.detail, now)
          : failed(`only after ${seconds(verdict.atMs - state.stepAtMs)}`);
      }
      return now >= untilMs ? failed(verdict.detail) : { kind: 'wait', untilMs };
    }
    case 'never': {
      const untilMs = state.stepAtMs + step.forMs;
      const verdict = judge(step.that, at.seen, now);
      if (verdict.kind === 'so' && verdict.atMs <= untilMs) {
        const after = seconds(Math.max(0, verdict.atMs - state.stepAtMs));
        return failed(`it happened after ${after}${verdict.detail === '' ? '' : `, ${verdict.detail}`}`);
      }
      if (verdict.kind === 'lost') return ok('it cannot happen any more', now);
      return now >= untilMs ? ok('', untilMs) : { kind: 'wait', untilMs };
    }
    case 'schedule':
    case 'cancel':
    case 'start':
    case 'complete':
    case 'approve':
    case 'operate':
    case 'maintain':
    case 'cancel-maintenance':
    case 'scale':
    case 'upload':
    case 'swap':
    case 'fault':
    case 'clear-faults':
    case 'load':
      return { kind: 'perform', verb: step };
    default:
      return step satisfies never;
  }
}

function ok(detail: string, atMs: number): Looked & { readonly kind: 'ended' } {
  return { kind: 'ended', outcome: 'ok', detail, atMs };
}

function failed(detail: string): Looked & { readonly kind: 'ended' } {
  return { kind: 'ended', outcome: 'failed', detail };
}

/** The next step begins when this one was over, not when somebody noticed. */
function finishStep(state: TimelineState, ended: Looked & { readonly kind: 'ended' }, now: number): TimelineState {
  const step = state.scenario.steps[state.results.length];
  if (step === undefined) return state;
  const atMs = ended.outcome === 'skipped' ? state.stepAtMs : (ended.atMs ?? now);
  const result: StepResult = {
    what: describeStep(step),
    outcome: ended.outcome,
    detail: ended.detail,
    beganMs: state.stepAtMs - state.startedAtMs,
    tookMs: atMs - state.stepAtMs,
  };
  return { ...state, stepAtMs: atMs, results: [...state.results, result] };
}
