import type { Clock } from '../common/runtime/clock.ts';
import { describeError } from '../common/runtime/errors.ts';
import type { Log } from '../common/runtime/log.ts';
import type { ActivityFeed } from './activity.ts';
import type { Host } from './hosts/host.ts';
import { applyCommand, type PlatformCommand } from './platform/apply.ts';
import type { CommandStep, Effect, PlatformOutcome } from './platform/effects.ts';
import { advance, nextDeadline } from './platform/life.ts';
import type { PlatformEvent, PlatformState } from './platform/state.ts';

/** The platform in time: holds its state, wakes when something falls due, and has its effects carried out. */
export interface PlatformRunner {
  readonly state: PlatformState;
  /** Throws what `keep` throws, and then nothing has happened. */
  submit(command: PlatformCommand): PlatformOutcome;
  /** All of them in one step, or, when one is refused, none: the refusal is returned. Throws as `submit` does. */
  submitAll(commands: readonly PlatformCommand[]): PlatformOutcome;
  /** Does what has fallen due by now: for a state that comes from an earlier run. */
  resume(): void;
  stop(): void;
}

export interface PlatformRunnerOptions {
  readonly initial: PlatformState;
  readonly clock: Clock;
  readonly host: Host;
  readonly feed: ActivityFeed;
  readonly log: Log;
  /** Called with every new state before anybody sees it; throws when it cannot be kept. */
  readonly keep?: (state: PlatformState) => void;
}

/** A full disk is noticed by people, not by hammering on it. */
const KEEP_RETRY_MS = 1000;

export function createPlatformRunner(options: PlatformRunnerOptions): PlatformRunner {
  const { clock, feed, host, log } = options;
  let state = options.initial;
  let isStopped = false;
  let cancelTimer = (): void => {};

  const adopt = (next: PlatformState): void => {
    if (next !== state) options.keep?.(next);
    state = next;
  };

  const submitAll = (commands: readonly PlatformCommand[]): PlatformOutcome => {
    const step = applyAll(state, commands, clock.now());
    if (step.outcome.kind === 'accepted') adopt(step.state);
    perform(step.effects);
    pass();
    return step.outcome;
  };
  const submit = (command: PlatformCommand): PlatformOutcome => submitAll([command]);

  /** Whatever is due now, and a timer for what is due next. */
  const pass = (): void => {
    cancelTimer();
    const step = advance(state, clock.now());
    try {
      adopt(step.state);
    } catch (error) {
      log.error({ error: describeError(error) }, 'the state cannot be kept; time stands still for events until it can');
      if (!isStopped) cancelTimer = clock.after(KEEP_RETRY_MS, pass);
      return;
    }
    perform(step.effects);
    cancelTimer();
    const dueMs = nextDeadline(state);
    if (dueMs === undefined || isStopped) return;
    // Timers may fire a fraction early; then the next pass simply waits for the rest.
    cancelTimer = clock.after(Math.max(1, dueMs - clock.now()), pass);
  };

  const perform = (effects: readonly Effect[]): void => {
    for (const effect of effects) {
      if (effect.kind === 'changed') {
        feed.publish({
          kind: effect.change,
          eventId: effect.event.id,
          ...(effect.vm === undefined ? {} : { vm: effect.vm }),
          detail: describeChange(effect, clock.now()),
        });
      } else {
        impact(effect).catch((error: unknown) => {
          log.error({ eventId: effect.eventId, error: describeError(error) }, 'the impact of an event failed');
        });
      }
    }
  };

  const impact = async (effect: Effect & { kind: 'impact' }): Promise<void> => {
    const { eventId, type, durationMs } = effect;
    await Promise.all(
      effect.vms.map(async (vm) => {
        try {
          await host.impact({ eventId, type, vm, durationMs });
        } catch (error) {
          // The event ends all the same: Azure too may give a VM back broken.
          feed.publish({ kind: 'vm.failed', eventId, vm, detail: describeError(error) });
        }
      }),
    );
    if (!isStopped) submit({ kind: 'impact-done', eventId });
  };

  return {
    get state() {
      return state;
    },
    submit,
    submitAll,
    resume: pass,
    stop: () => {
      isStopped = true;
      cancelTimer();
    },
  };
}

/** In order, or none of them. */
function applyAll(state: PlatformState, commands: readonly PlatformCommand[], now: number): CommandStep {
  let current = state;
  const effects: Effect[] = [];
  for (const command of commands) {
    const step = applyCommand(current, command, now);
    if (step.outcome.kind === 'refused') return { state, effects: [], outcome: step.outcome };
    current = step.state;
    effects.push(...step.effects);
  }
  return { state: current, effects, outcome: { kind: 'accepted' } };
}

function describeChange(effect: Effect & { kind: 'changed' }, now: number): string {
  const { event } = effect;
  const what = `${event.type} of ${event.resources.join(', ')}`;
  switch (effect.change) {
    case 'event.scheduled':
      return `${what}, not before ${new Date(event.notBeforeMs ?? now).toISOString()}`;
    case 'event.approved':
      return `${what}, with ${seconds((event.notBeforeMs ?? now) - now)} of its notice left`;
    case 'event.started':
      return `${what}, ${startReason(event, now)}`;
    case 'event.impact':
    case 'event.impact-ended':
    case 'event.cancelled':
    case 'event.gone':
      return what;
    default:
      return effect.change satisfies never;
  }
}

function startReason(event: PlatformEvent, now: number): string {
  if (event.notBeforeMs === undefined) return 'without notice';
  const first = event.approvals[0];
  if (first !== undefined) return `approved by ${first.by}`;
  return now >= event.notBeforeMs ? 'its notice is over' : 'by the operator';
}

function seconds(ms: number): string {
  return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
}
