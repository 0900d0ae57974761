import type { Observation, RotationChange, SeenEvent, SeenMaintenance } from './pure/judge.ts';
import type { ScenarioTarget, TargetView } from './target.ts';

/** Collects what a scenario's expectations are judged by. */
export interface Observer {
  /** The event or maintenance that the scenario calls `name`. */
  know(name: string, id: string): void;
  idOf(name: string): string | undefined;
  /** A VM's gate, watched beside the public address. */
  rotate(change: RotationChange): void;
  see(): Promise<Observation>;
  stop(): void;
}

/** `gates`: names of VMs whose gates are asked besides. `onChange`: something has happened. */
export async function createObserver(
  target: ScenarioTarget,
  gates: readonly string[],
  onChange: () => void,
): Promise<Observer> {
  const ids = new Map<string, string>();
  const overAt = new Map<string, number>();
  const rotation: RotationChange[] = [];
  const watched = new Set(gates.map((vm) => vm.toLowerCase()));
  const unsubscribe = target.watch(({ kind, vm, at }) => {
    if (vm !== undefined && (kind === 'probe.up' || kind === 'probe.down')) {
      rotation.push({ vm, isIn: kind === 'probe.up', atMs: Date.parse(at) });
    }
    onChange();
  });
  const first = await target.look();
  const beganMs = target.now();
  // Before whatever has happened since the watching began: that is newer than this, or says the same.
  rotation.unshift(...[...first.serving].map(([vm, isIn]) => ({ vm, isIn, atMs: beganMs })));

  const noteWatched = (view: TargetView): void => {
    for (const vm of view.serving.keys()) watched.add(vm.toLowerCase());
    // One that was taken away gets no connections any more, and no probe says so.
    const isIn = new Map(rotation.map((change) => [change.vm, change.isIn]));
    for (const [vm, wasIn] of isIn) {
      if (wasIn && !view.serving.has(vm) && !gates.includes(vm)) {
        rotation.push({ vm, isIn: false, atMs: target.now() });
      }
    }
  };
  return {
    know: (name, id) => {
      ids.set(name, id);
    },
    idOf: (name) => ids.get(name),
    rotate: (change) => {
      rotation.push(change);
    },
    see: async () => {
      const view = await target.look();
      noteWatched(view);
      for (const { id, state } of view.maintenance) {
        if (state !== 'under-way' && !overAt.has(id)) overAt.set(id, target.now());
      }
      return { events: seenEvents(view, ids), maintenance: seenMaintenance(view, ids, overAt), rotation, watched };
    },
    stop: unsubscribe,
  };
}

function seenEvents(view: TargetView, ids: ReadonlyMap<string, string>): ReadonlyMap<string, SeenEvent> {
  const views = new Map(view.events.map((event) => [event.eventId, event]));
  const events = new Map<string, SeenEvent>();
  for (const [name, id] of ids) {
    const found = views.get(id);
    if (found !== undefined) events.set(name, seenEvent(found));
  }
  return events;
}

function seenMaintenance(
  view: TargetView,
  ids: ReadonlyMap<string, string>,
  overAt: ReadonlyMap<string, number>,
): ReadonlyMap<string, SeenMaintenance> {
  const found = new Map<string, SeenMaintenance>();
  for (const [name, id] of ids) {
    const maintenance = view.maintenance.find((other) => other.id === id);
    if (maintenance !== undefined) found.set(name, { state: maintenance.state, overAtMs: overAt.get(id) });
  }
  return found;
}

function seenEvent(view: TargetView['events'][number]): SeenEvent {
  return {
    resources: view.resources,
    approvals: view.approvals.map(({ by, at }) => ({ by, atMs: Date.parse(at) })),
    startedAtMs: view.startedAt === null ? undefined : Date.parse(view.startedAt),
    goneAtMs: view.goneAt === null ? undefined : Date.parse(view.goneAt),
    isCancelled: view.state === 'cancelled',
    state: view.state,
  };
}
