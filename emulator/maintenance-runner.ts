import type { Clock } from '../common/runtime/clock.ts';
import { EXIT_USAGE, UserError } from '../common/runtime/errors.ts';
import type { RandomSource } from '../common/runtime/random.ts';
import type { ActivityFeed } from './activity.ts';
import type { PlatformRunner } from './platform-runner.ts';
import {
  beginStep,
  eventGone,
  nextStep,
  planMaintenance,
  stateOf,
  type MaintenanceDomains,
  type MaintenancePlan,
  type MaintenanceStep,
  type MaintenanceType,
} from './platform/maintenance.ts';
import type { ScheduleCommand } from './platform/schedule.ts';
import { eventOrUndefined, type Vm } from './platform/state.ts';
import type { KeptMaintenance } from './state/kept-parts.ts';
import type { KeptPart } from './state/state-keeper.ts';

/** What is asked for when the platform is to maintain the hosts of VMs. */
export interface NewMaintenance {
  /** A role of the cloud service, or a scope; in any case of letters. */
  readonly target: string;
  readonly by: MaintenanceDomains;
  readonly type: MaintenanceType;
  readonly durationSeconds?: number | undefined;
  /** Notice of every event, instead of the type's least; milliseconds. */
  readonly noticeMs?: number | undefined;
}

export interface MaintenanceView {
  /** `m1`, `m2`, … */
  readonly id: string;
  readonly target: string;
  readonly by: MaintenanceDomains;
  readonly type: MaintenanceType;
  readonly state: 'under-way' | 'completed' | 'cancelled';
  readonly steps: readonly {
    readonly domain: number;
    readonly vms: readonly string[];
    readonly state: MaintenanceStep['state'];
    /** Events of it that are in the document now. */
    readonly events: readonly string[];
  }[];
}

/** Maintenance of whole services and scopes: one domain after another, the next only when the events of the last are gone. */
export interface MaintenanceRunner {
  /** Throws a `UserError` when there is no such target, or the platform refuses the first domain. */
  begin(wanted: NewMaintenance): MaintenanceView;
  list(): readonly MaintenanceView[];
  /** Takes back what has not started; what has goes on to its end. */
  cancel(id: string): MaintenanceView;
  stop(): void;
}

interface Sequence {
  readonly id: string;
  readonly wanted: NewMaintenance;
  plan: MaintenancePlan;
}

/** Enough to look back on; the oldest that are over make room. */
const MAX_SEQUENCES = 100;

/** What cannot be kept now is tried again after this. */
const RETRY_MS = 1000;

export interface MaintenanceContext {
  readonly runner: PlatformRunner;
  readonly feed: ActivityFeed;
  readonly random: RandomSource;
  readonly clock: Clock;
  readonly kept: KeptPart<KeptMaintenance | undefined>;
}

export function createMaintenanceRunner(context: MaintenanceContext): MaintenanceRunner {
  const { runner, feed, clock, kept } = context;
  const sequences: Sequence[] = (kept.found?.sequences ?? []).map((found) => ({
    ...found,
    plan: withoutGone(found.plan, runner),
  }));
  let count = kept.found?.count ?? 0;
  kept.provide(() => ({ count, sequences }));

  const proceed = (sequence: Sequence): void => {
    try {
      beginDomains(sequence, context);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      cancelRetry = clock.after(RETRY_MS, () => {
        for (const waiting of sequences) proceed(waiting);
      });
    }
  };
  let cancelRetry = (): void => {};

  const unsubscribe = feed.subscribe(({ kind, eventId }) => {
    if ((kind !== 'event.gone' && kind !== 'event.cancelled') || eventId === undefined) return;
    for (const sequence of sequences) {
      const plan = eventGone(sequence.plan, eventId);
      if (plan === sequence.plan) continue;
      sequence.plan = plan;
      // Not at once: every other listener is to hear of the end before it hears of what comes next.
      queueMicrotask(() => {
        proceed(sequence);
      });
    }
  });
  for (const sequence of sequences) proceed(sequence);

  return {
    begin: (wanted) => {
      const vms = vmsOf(runner, wanted.target);
      count++;
      const sequence: Sequence = { id: `m${count}`, wanted, plan: planMaintenance(vms, wanted.by) };
      // Among the others before its first events are, because they are written together.
      sequences.push(sequence);
      let refusal: string | undefined;
      try {
        refusal = beginDomains(sequence, context);
      } catch (error) {
        sequences.splice(sequences.indexOf(sequence), 1);
        throw error;
      }
      if (refusal !== undefined) {
        sequences.splice(sequences.indexOf(sequence), 1);
        throw new UserError('REFUSED', refusal, { exitStatus: EXIT_USAGE });
      }
      forgetOldest(sequences);
      return viewOf(sequence);
    },
    list: () => sequences.map(viewOf),
    cancel: (id) => {
      const sequence = sequences.find((candidate) => candidate.id === id.toLowerCase());
      if (sequence === undefined) {
        const known = sequences.map((other) => other.id).join(', ') || 'there is none';
        const message = `no maintenance ${JSON.stringify(id)}; known: ${known}`;
        throw new UserError('UNKNOWN_MAINTENANCE', message, { exitStatus: EXIT_USAGE });
      }
      // What is over stays what it was.
      if (stateOf(sequence.plan) !== 'under-way') return viewOf(sequence);
      const before = sequence.plan;
      sequence.plan = { ...before, isCancelled: true };
      try {
        kept.save();
      } catch (error) {
        sequence.plan = before;
        throw error;
      }
      for (const eventId of sequence.plan.steps.flatMap((step) => step.openEvents)) {
        const phase = eventOrUndefined(runner.state, eventId)?.life.phase;
        if (phase === 'scheduled' || phase === 'approved') runner.submit({ kind: 'cancel', eventId });
      }
      return viewOf(sequence);
    },
    stop: () => {
      unsubscribe();
      cancelRetry();
    },
  };
}

/** As it is after a restart: what ended unseen has ended. */
function withoutGone(plan: MaintenancePlan, runner: PlatformRunner): MaintenancePlan {
  const gone = plan.steps
    .flatMap((step) => step.openEvents)
    .filter((eventId) => eventOrUndefined(runner.state, eventId) === undefined);
  return gone.reduce(eventGone, plan);
}

/**
 * Begins domains until one is under way; a domain that the platform refuses ends the sequence. Returns the refusal. Plan and
 * events are written in one step, so that a domain is begun once, also when the emulator is killed meanwhile. Throws a
 * `UserError` when they cannot be kept, and then nothing has begun.
 */
function beginDomains(sequence: Sequence, { runner, random, kept }: MaintenanceContext): string | undefined {
  for (let step = nextStep(sequence.plan); step !== undefined; step = nextStep(sequence.plan)) {
    const commands = commandsOf(sequence, step, { runner, random });
    const before = sequence.plan;
    const eventIds = commands.map((command) => command.eventId);
    sequence.plan = beginStep(before, step.domain, eventIds);
    try {
      const outcome = runner.submitAll(commands);
      if (outcome.kind === 'refused') {
        sequence.plan = { ...before, isCancelled: true };
        kept.save();
        return outcome.message;
      }
    } catch (error) {
      sequence.plan = before;
      throw error;
    }
    // An event without any notice and without an impact may be over already.
    for (const eventId of eventIds) {
      if (eventOrUndefined(runner.state, eventId) === undefined) sequence.plan = eventGone(sequence.plan, eventId);
    }
  }
  return undefined;
}

function commandsOf(
  sequence: Sequence,
  step: MaintenanceStep,
  { runner, random }: Pick<MaintenanceContext, 'runner' | 'random'>,
): readonly ScheduleCommand[] {
  const { type, durationSeconds, noticeMs } = sequence.wanted;
  return step.groups.flatMap((group) => {
    const resources = group.filter((name) => isThere(runner, name));
    if (resources.length === 0) return [];
    return {
      kind: 'schedule' as const,
      eventId: random.uuid().toUpperCase(),
      type,
      resources,
      source: 'Platform' as const,
      description: 'Host server is undergoing maintenance.',
      entry: 'announced' as const,
      durationSeconds,
      noticeMs,
    };
  });
}

function isThere(runner: PlatformRunner, name: string): boolean {
  const key = name.toLowerCase();
  return runner.state.vms.has(key) && !runner.state.goneVms.has(key);
}

function vmsOf(runner: PlatformRunner, target: string): readonly Vm[] {
  const all = [...runner.state.vms.values()].filter((vm) => isThere(runner, vm.name));
  const wanted = target.toLowerCase();
  const found = all.filter((vm) => namesOf(vm).some((name) => name.toLowerCase() === wanted));
  if (found.length > 0) return found;
  const known = [...new Set(all.flatMap(namesOf))].filter((name) => name !== '').join(', ');
  throw new UserError('UNKNOWN_TARGET', `no role or scope ${JSON.stringify(target)} with VMs; known: ${known}`, {
    exitStatus: EXIT_USAGE,
  });
}

/** What maintenance of this VM may be asked for by. */
function namesOf(vm: Vm): readonly string[] {
  return [vm.role, vm.scope, vm.scaleSet ?? ''];
}

function forgetOldest(sequences: Sequence[]): void {
  const oldest = sequences.findIndex((sequence) => stateOf(sequence.plan) !== 'under-way');
  if (sequences.length > MAX_SEQUENCES && oldest >= 0) sequences.splice(oldest, 1);
}

function viewOf(sequence: Sequence): MaintenanceView {
  const { target, by, type } = sequence.wanted;
  return {
    id: sequence.id,
    target,
    by,
    type,
    state: stateOf(sequence.plan),
    steps: sequence.plan.steps.map((step) => ({
      domain: step.domain,
      vms: step.groups.flat(),
      state: step.state,
      events: step.openEvents,
    })),
  };
}
