import type { Activity } from '../activity.ts';
import type { EventView } from '../control/event-view.ts';
import type { Emulator } from '../start-emulator.ts';
import type { Observation, RotationChange, SeenEvent } from './pure/judge.ts';

/** Collects what a scenario's expectations are judged by. */
export interface Observer {
  /** The event that the scenario calls `name`. */
  know(name: string, eventId: string): void;
  idOf(name: string): string | undefined;
  /** A VM's gate, watched beside the public address. */
  rotate(change: RotationChange): void;
  see(): Observation;
}

/** `gates`: names of VMs whose gates are asked besides. */
export function createObserver(emulator: Emulator, gates: readonly string[]): Observer {
  const ids = new Map<string, string>();
  const rotation: RotationChange[] = [];
  const watched = new Set(gates.map((vm) => vm.toLowerCase()));
  for (const vm of emulator.operations.fleet().vms) if (vm.isServing !== null) watched.add(vm.name.toLowerCase());
  const onActivity = ({ kind, vm, at }: Activity): void => {
    if (vm === undefined || (kind !== 'probe.up' && kind !== 'probe.down')) return;
    rotation.push({ vm, isIn: kind === 'probe.up', atMs: Date.parse(at) });
  };
  for (const activity of emulator.feed.recent()) onActivity(activity);
  emulator.feed.subscribe(onActivity);
  return {
    know: (name, eventId) => {
      ids.set(name, eventId);
    },
    idOf: (name) => ids.get(name),
    rotate: (change) => {
      rotation.push(change);
    },
    see: () => {
      const views = new Map(emulator.operations.events().map((view) => [view.eventId, view]));
      const events = new Map<string, SeenEvent>();
      for (const [name, eventId] of ids) {
        const view = views.get(eventId);
        if (view !== undefined) events.set(name, seenEvent(view));
      }
      return { events, rotation, watched };
    },
  };
}

function seenEvent(view: EventView): SeenEvent {
  return {
    resources: view.resources,
    approvals: view.approvals.map(({ by, at }) => ({ by, atMs: Date.parse(at) })),
    startedAtMs: view.startedAt === null ? undefined : Date.parse(view.startedAt),
    goneAtMs: view.goneAt === null ? undefined : Date.parse(view.goneAt),
    isCancelled: view.state === 'cancelled',
    state: view.state,
  };
}
