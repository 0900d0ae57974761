import type { Clock } from '../../common/runtime/clock.ts';
import { UserError } from '../../common/runtime/errors.ts';
import { SteppedClock } from '../clock/stepped-clock.ts';
import type { Operations } from '../control/operations.ts';
import { serviceOf } from '../control/service-routes.ts';
import { FAULT_KINDS } from '../faults.ts';
import type { Emulator } from '../start-emulator.ts';
import type { ScenarioTarget, TargetVerb } from './target.ts';

/** Under a stepped clock the finest grain of what is noticed; what happens keeps its exact time. */
export const STEP_MS = 250;

/** An emulator in this process. */
export function ownTarget(emulator: Emulator, clock: Clock): ScenarioTarget {
  const { operations } = emulator;
  return {
    publicAddress: emulator.publicAddress,
    now: () => clock.now(),
    pass: async (leftMs, isWatched, waking) => {
      if (clock instanceof SteppedClock) await clock.advance(isWatched ? Math.min(leftMs, STEP_MS) : leftMs);
      else await clock.sleep(leftMs, waking);
    },
    perform: async (verb) => await perform(verb, operations),
    look: async () => ({
      events: operations.events(),
      maintenance: operations.maintenance.list(),
      serving: new Map(operations.service?.status().map(({ vm, isUp }) => [vm, isUp])),
    }),
    watch: (listener) => emulator.feed.subscribe(listener),
  };
}

async function perform(verb: TargetVerb, operations: Operations): Promise<string | undefined> {
  switch (verb.kind) {
    case 'schedule': {
      const { kind: _kind, as: _as, vms, ...wanted } = verb;
      return operations.schedule({ ...wanted, resources: vms }).eventId;
    }
    case 'cancel':
    case 'start':
    case 'complete':
      operations[verb.kind](verb.event);
      return undefined;
    case 'approve':
      operations.approve(verb.by, [verb.event]);
      return undefined;
    case 'operate':
      return (await operations.operate(verb.verb, verb.vm))?.eventId;
    case 'maintain':
      return operations.maintenance.begin(verb).id;
    case 'cancel-maintenance':
      operations.maintenance.cancel(verb.maintenance);
      return undefined;
    case 'scale':
      await serviceOf(operations).scale(verb);
      return undefined;
    case 'upload':
      await serviceOf(operations).upload(verb);
      return undefined;
    case 'swap':
      await serviceOf(operations).swap();
      return undefined;
    case 'fault': {
      const kind = FAULT_KINDS.find((known) => known === verb.fault.kind);
      if (kind === undefined) throw new UserError('UNKNOWN_FAULT', `no fault ${verb.fault.kind}`);
      await operations.setFault({ ...verb.fault, kind });
      return undefined;
    }
    case 'clear-faults':
      await operations.clearFaults(verb.vm);
      return undefined;
    default:
      return verb satisfies never;
  }
}
