import type { Node } from './node.ts';
import { EVENT_AT_MS, LAST_FAULT_MS, REPAIR_MS } from './run-times.ts';
import type { World } from './world.ts';

/** From the event's appearance until a fleet without trouble has approved it, and what follows at once. */
const DELICATE_MS = 20_000;

/** Between the intent and the approval lie a few answers. */
const INTENT_MS = 60;

export interface AnnouncedEvent {
  readonly eventId: string;
  readonly atMs: number;
  readonly named: readonly string[];
}

export interface PlannedRun {
  readonly world: World;
  readonly nodes: readonly Node[];
  readonly names: readonly string[];
  readonly events: readonly AnnouncedEvent[];
  /** Boots another machine under the name of that VM. */
  readonly clone: (node: Node) => void;
}

/** Puts every fault that was drawn for the run into its time. */
export function planFaults(run: PlannedRun): void {
  const [event] = run.events;
  if (event === undefined) return;
  const plan = new FaultPlan(run, event);
  plan.machines();
  plan.services();
  plan.operators();
  plan.event();
  plan.intents();
}

class FaultPlan {
  readonly #run: PlannedRun;
  readonly #world: World;
  readonly #event: AnnouncedEvent;
  readonly #lastMs: number;
  #isOneAway = false;

  constructor(run: PlannedRun, event: AnnouncedEvent) {
    this.#run = run;
    this.#world = run.world;
    this.#event = event;
    this.#lastMs = Math.min(run.world.faults.healsAtMs, LAST_FAULT_MS);
    this.#isOneAway = run.world.faults.withoutAgent !== 'none';
  }

  machines(): void {
    const { faults, random } = this.#world;
    this.#times(faults.crashes, () => {
      const node = this.#someone();
      if (node?.isAlive() === true) this.#crash(node, random.fraction() < faults.lostJournals);
    });
    this.#times(faults.pauses, () => {
      this.#world.count('pause');
      this.#someone()?.pause(this.#upTo(25_000));
    });
    this.#times(faults.partitions, () => this.#someone()?.partition(this.#upTo(30_000)));
    this.#times(faults.balancerRestarts, () => {
      for (const node of this.#run.nodes) node.restartBalancer();
    });
    this.#times(faults.clockJumps, () => this.#someone()?.setClock(this.#world.between(-3_600_000, 3_600_000)));
    // Only beside a VM that has spoken for itself before: of two that nobody knows, nobody can say which is the right one. And
    // whoever an event names alone asks nobody: there the machine's own metadata is what tells it its name.
    this.#times(faults.clones, () => {
      const node = this.#someone();
      const record = this.#world.coordinator.record(this.#event.eventId);
      const isAlone = this.#event.named.length < 2 || this.#run.events.length > 1 || faults.comesBack;
      if (node === undefined || isAlone || record?.members[node.canonical] === undefined) return;
      this.#world.count('cloned identity');
      this.#run.clone(node);
    });
  }

  services(): void {
    const { faults, metadata, coordinator, random } = this.#world;
    this.#times(faults.coordinatorOutages, () => {
      coordinator.stopFor(this.#upTo(20_000));
    });
    this.#times(faults.failovers, () => {
      coordinator.failOver(this.#world.between(100, 3000));
    });
    this.#times(faults.metadataOutages, () => {
      metadata.failFor(this.#upTo(30_000), random.fraction() < 0.5 ? '*' : (this.#someone()?.name ?? '*'));
    });
    this.#times(faults.emptyDocuments, () => {
      metadata.emptyFor(this.#upTo(8000));
    });
    this.#times(faults.restartedDocuments, () => {
      metadata.restart(this.#world.between(500, 290_000));
    });
    this.#times(faults.behind, () => {
      metadata.lagBehind(this.#someone()?.name ?? '', this.#upTo(60_000));
    });
  }

  operators(): void {
    const { faults, random } = this.#world;
    this.#times(faults.maintenances, (index) =>
      this.#someone()?.maintain(`work-${index}`, this.#world.between(5000, 40_000), random.fraction() < 0.6),
    );
    this.#times(faults.withdrawals, () => this.#someone()?.withdraw());
    this.#times(faults.forces, () => {
      this.#world.coordinator.force(this.#event.eventId);
    });
  }

  event(): void {
    const { faults } = this.#world;
    this.#times(faults.isCancelled ? 1 : 0, () => {
      this.#cancel();
    });
    this.#times(faults.grows ? 1 : 0, () => {
      this.#grow();
    });
  }

  /** What is aimed at the moment between an intent and its approval. */
  intents(): void {
    const { faults, time } = this.#world;
    this.#world.onIntent.push(({ eventId, intent }) => {
      if (this.#world.happens(faults.growsInIntent)) {
        time.after(this.#world.between(0, 1500), () => {
          if (eventId === this.#event.eventId) this.#grow();
        });
        if (faults.withdrawals > 0) time.after(this.#world.between(500, 12_000), () => this.#someone()?.withdraw());
      }
      const leader = this.#run.nodes.find((node) => node.canonical === intent?.by);
      if (leader !== undefined && this.#world.happens(faults.lostInIntent))
        time.after(this.#world.between(0, INTENT_MS), () => {
          this.#lose(leader);
        });
    });
  }

  #lose(leader: Node): void {
    if (!leader.isAlive() || !this.#world.isFaulty()) return;
    this.#world.count('leader lost in its intent');
    const chance = this.#world.random.fraction();
    if (chance < 0.5) this.#crash(leader, false);
    else if (chance < 0.75) leader.pause(this.#upTo(25_000));
    else leader.partition(this.#upTo(30_000));
  }

  #crash(node: Node, losesJournal: boolean): void {
    const { faults, random, time } = this.#world;
    this.#world.count('crash');
    // The others can go ahead without it only if it had promised (for every event); then one of several may stay away until all
    // is over, or for ever.
    const isLong =
      this.#run.events.length === 1 &&
      this.#event.named.length > 1 &&
      !this.#isOneAway &&
      node.hasPromised() &&
      random.fraction() < faults.staysAway &&
      // A store that fails over may forget what it had promised, and it is not there to say it again.
      faults.failovers === 0;
    node.kill({ isVmDown: false, losesJournal });
    this.#isOneAway ||= isLong;
    if (isLong && random.fraction() < 0.5) {
      this.#world.count('crash for ever');
      node.disappear();
      return;
    }
    const repair = (): void => {
      if (node.isAlive()) return;
      if (isLong && this.#world.liveEvents().length > 0) time.after(REPAIR_MS, repair);
      else node.boot();
    };
    time.after(isLong ? REPAIR_MS : this.#upTo(20_000), repair);
  }

  #cancel(): void {
    const { faults, random, time } = this.#world;
    const { eventId, named } = this.#event;
    const event = this.#world.event(eventId);
    if (event?.life.phase !== 'scheduled' && event?.life.phase !== 'approved') return;
    this.#world.count('cancellation');
    this.#world.command({ kind: 'cancel', eventId });
    if (!faults.comesBack) return;
    this.#world.upcoming++;
    time.after(this.#world.between(1000, 25_000), () => {
      this.#world.upcoming--;
      this.#world.count('event comes back');
      const again = random.fraction() < 0.5 ? named : named.slice(0, Math.ceil(named.length / 2));
      this.#world.announce(eventId, event.type, again);
    });
  }

  #grow(): void {
    const other = this.#run.names.find((name) => !this.#event.named.includes(name));
    if (other !== undefined) this.#world.grow(this.#event.eventId, other);
  }

  #times(count: number, fault: (index: number) => void): void {
    for (let index = 0; index < count; index++)
      this.#sometime(() => {
        fault(index);
      });
  }

  #sometime(fault: () => void): void {
    // Most of what is delicate happens soon after the event appears; faults spread evenly would mostly miss it.
    const isSoon = this.#world.random.fraction() < 0.6;
    const [leastMs, mostMs] = isSoon
      ? [EVENT_AT_MS - 2000, EVENT_AT_MS + DELICATE_MS]
      : [1000, Math.max(2000, this.#lastMs - 1000)];
    this.#world.time.after(this.#world.between(leastMs, mostMs), fault);
  }

  #someone(): Node | undefined {
    return this.#run.nodes[Math.floor(this.#world.random.fraction() * this.#run.nodes.length)];
  }

  #upTo(mostMs: number): number {
    return Math.min(this.#world.between(500, mostMs), Math.max(0, this.#lastMs - this.#world.time.nowMs));
  }
}
