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
import { eventOrUndefined, type Vm } from './platform/state.ts';

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

export function createMaintenanceRunner(context: {
  readonly runner: PlatformRunner;
  readonly feed: ActivityFeed;
  readonly random: RandomSource;
}): MaintenanceRunner {
  const { runner, feed, random } = context;
  const sequences: Sequence[] = [];
  let count = 0;

  const proceed = (sequence: Sequence): string | undefined => beginDomains(sequence, runner, random);

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

  return {
    begin: (wanted) => {
      const vms = vmsOf(runner, wanted.target);
      count++;
      const sequence: Sequence = { id: `m${count}`, wanted, plan: planMaintenance(vms, wanted.by) };
      const refusal = proceed(sequence);
      if (refusal !== undefined) throw new UserError('REFUSED', refusal, { exitStatus: EXIT_USAGE });
      sequences.push(sequence);
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
      sequence.plan = { ...sequence.plan, isCancelled: true };
      for (const eventId of sequence.plan.steps.flatMap((step) => step.openEvents)) {
        const phase = eventOrUndefined(runner.state, eventId)?.life.phase;
        if (phase === 'scheduled' || phase === 'approved') runner.submit({ kind: 'cancel', eventId });
      }
      return viewOf(sequence);
    },
    stop: unsubscribe,
  };
}

/** Begins domains until one is under way; a domain that the platform refuses ends the sequence. Returns the refusal. */
function beginDomains(sequence: Sequence, runner: PlatformRunner, random: RandomSource): string | undefined {
  for (let step = nextStep(sequence.plan); step !== undefined; step = nextStep(sequence.plan)) {
    const eventIds: string[] = [];
    let refusal: string | undefined;
    for (const group of step.groups) {
      const resources = group.filter((name) => isThere(runner, name));
      if (resources.length === 0) continue;
      const eventId = random.uuid().toUpperCase();
      const { type, durationSeconds, noticeMs } = sequence.wanted;
      const outcome = runner.submit({
        kind: 'schedule',
        eventId,
        type,
        resources,
        source: 'Platform',
        description: 'Host server is undergoing maintenance.',
        entry: 'announced',
        durationSeconds,
        noticeMs,
      });
      if (outcome.kind === 'accepted') eventIds.push(eventId);
      else refusal = outcome.message;
    }
    sequence.plan = beginStep(sequence.plan, step.domain, eventIds);
    // An event without any notice and without an impact may be over already.
    for (const eventId of eventIds) {
      if (eventOrUndefined(runner.state, eventId) === undefined) sequence.plan = eventGone(sequence.plan, eventId);
    }
    if (refusal !== undefined) {
      sequence.plan = { ...sequence.plan, isCancelled: true };
      return refusal;
    }
  }
  return undefined;
}

function isThere(runner: PlatformRunner, name: string): boolean {
  const key = name.toLowerCase();
  return runner.state.vms.has(key) && !runner.state.goneVms.has(key);
}

function vmsOf(runner: PlatformRunner, target: string): readonly Vm[] {
  const all = [...runner.state.vms.values()].filter((vm) => isThere(runner, vm.name));
  const wanted = target.toLowerCase();
  const found = all.filter((vm) => vm.role.toLowerCase() === wanted || vm.scope.toLowerCase() === wanted);
  if (found.length > 0) return found;
  const known = [...new Set(all.flatMap((vm) => [vm.role, vm.scope]))].filter((name) => name !== '').join(', ');
  throw new UserError('UNKNOWN_TARGET', `no role or scope ${JSON.stringify(target)} with VMs; known: ${known}`, {
    exitStatus: EXIT_USAGE,
  });
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
