import type { Clock } from '../common/runtime/clock.ts';
import type { ActivityFeed } from './activity.ts';
import { faultFor, withFault, type Fault } from './faults.ts';
import type { PastDocuments } from './past-documents.ts';
import type { KeptFault } from './state/kept-parts.ts';
import type { KeptPart } from './state/state-keeper.ts';

/** The faults that are set now, and what has to happen when one comes or goes. */
export interface FaultBoard {
  list(): readonly Fault[];
  of(vm: string): Fault | undefined;
  set(fault: Fault): Promise<void>;
  /** Of one VM, or (undefined) all there are. */
  clear(vm: string | undefined): Promise<void>;
  /** Goes on with those of an earlier run that are not over yet. To be called once the listeners are open. */
  resume(): Promise<void>;
  stop(): void;
}

export interface FaultBoardOptions {
  readonly clock: Clock;
  readonly feed: ActivityFeed;
  /** Opens or closes listeners: only `unreachable` needs more than a look at `of`. Called after every change. */
  readonly applyReachability: () => Promise<void>;
  /** Called when a fault begins, so that what it needs of this moment is remembered. */
  readonly past: Pick<PastDocuments, 'hold' | 'heldFor'>;
  readonly kept: KeptPart<readonly KeptFault[] | undefined>;
}

export function createFaultBoard(options: FaultBoardOptions): FaultBoard {
  const { clock, feed, past, kept } = options;
  let faults: readonly Fault[] = (kept.found ?? []).map(({ fault, held }) => {
    past.hold(fault, held);
    return fault;
  });
  let cancelTimer = (): void => {};

  const list = (): readonly Fault[] =>
    faults.filter((fault) => fault.untilMs === undefined || fault.untilMs > clock.now());

  /** Faults end by themselves, but an unreachable listener has to be opened again. */
  const watchEnd = (): void => {
    cancelTimer();
    const ends = list().flatMap((fault) => (fault.untilMs === undefined ? [] : [fault.untilMs]));
    if (ends.length === 0) return;
    cancelTimer = clock.after(Math.max(1, Math.min(...ends) - clock.now()), () => {
      const over = faults.filter((fault) => !list().includes(fault));
      faults = list();
      for (const fault of over) publish('fault.cleared', fault);
      watchEnd();
      // Listening again on a port that was ours a moment ago; a failure shows in the next request.
      void options.applyReachability().catch(() => {});
    });
  };

  const publish = (kind: 'fault.set' | 'fault.cleared', fault: Fault): void => {
    feed.publish({ kind, ...(fault.vm === undefined ? {} : { vm: fault.vm }), detail: fault.kind });
  };

  kept.provide(() => list().map((fault) => ({ fault, held: past.heldFor(fault) })));

  /** What cannot be kept is not done. */
  const change = (next: readonly Fault[]): void => {
    const before = faults;
    faults = next;
    try {
      kept.save();
    } catch (error) {
      faults = before;
      throw error;
    }
  };

  return {
    list,
    of: (vm) => (faults.length === 0 ? undefined : faultFor(faults, vm, clock.now())),
    set: async (fault) => {
      past.hold(fault);
      change(withFault(faults, fault, clock.now()));
      publish('fault.set', fault);
      watchEnd();
      await options.applyReachability();
    },
    clear: async (vm) => {
      const cleared = faults.filter((fault) => vm === undefined || fault.vm === vm);
      change(faults.filter((fault) => !cleared.includes(fault)));
      for (const fault of cleared) publish('fault.cleared', fault);
      watchEnd();
      await options.applyReachability();
    },
    resume: async () => {
      faults = list();
      watchEnd();
      if (faults.length > 0) await options.applyReachability();
    },
    stop: () => {
      cancelTimer();
    },
  };
}
