import type { AgentHealth, Inventory, SchedulerMessage, VmIdentity } from '../../common/protocol/messages.ts';
import type { ServingVm } from '../coordination/leaving.ts';
import type { FarVm, FleetStore, Presence } from '../replicas/fleet-store.ts';
import type { KnownVm, VmStore } from '../store/store.ts';
import { vmKey } from '../vm-key.ts';

/** A VM whose agent is connected now. */
export interface LiveVm {
  readonly identity: VmIdentity;
  readonly agentVersion: string;
  /** Differs for every connection. */
  readonly connection: string;
  readonly connectedAtMs: number;
  readonly health: AgentHealth;
  /** When the agent last said how it is. */
  readonly healthAtMs: number;
  send(message: SchedulerMessage): void;
  /** Closes the connection, because the same VM has opened another. */
  drop(): void;
}

/**
 * The store knows when a connected VM was seen to this accuracy. Who is silent for a day is gone for good, so a scheduler that
 * was killed, and other replicas, must not take a VM that has been connected for days for one of those.
 */
const SEEN_AGAIN_MS = 3_600_000;

/** Web_2 comes before Web_10. */
const NAMES = new Intl.Collator('en', { numeric: true });

/**
 * The VMs of the fleet: who is connected, how they are, and (from the store) who has ever been. What changes often, health,
 * is kept in memory only: after a restart every agent says it again within one heartbeat.
 */
export class Registry {
  readonly #store: VmStore;
  readonly #fleet: Pick<FleetStore, 'elsewhere'> | undefined;
  readonly #live = new Map<string, LiveVm>();
  readonly #far = new Map<string, FarVm>();
  readonly #known = new Map<string, KnownVm>();
  /** Keys of those who are known, as people order them; undefined when somebody has come. */
  #order: readonly string[] | undefined;
  readonly #listeners = new Set<(key?: string) => void>();
  /** Until when (epoch) each word of a VM is told, also one that only repeats itself. */
  readonly #heeded = new Map<string, number>();
  #tell: (key: string, connection: string) => void = () => {};
  #refreshing: Promise<void> = Promise.resolve();

  /** `fleet` where agents may be connected to other replicas as well. */
  constructor(store: VmStore, fleet?: Pick<FleetStore, 'elsewhere'>) {
    this.#store = store;
    this.#fleet = fleet;
  }

  /**
   * Reads who is known from the store: before the first connection, and whenever VMs count that may be connected to another
   * replica. What this one knows itself of VMs that are connected to it stays.
   */
  async load(): Promise<void> {
    for (const vm of await this.#store.list()) {
      const key = vmKey(vm.identity.scope, vm.identity.name);
      const before = this.#known.get(key)?.lastSeenAtMs ?? Number.NEGATIVE_INFINITY;
      if (!this.#live.has(key) && vm.lastSeenAtMs >= before) this.#setKnown(key, vm);
    }
  }

  /**
   * Reads from the store which of these VMs (undefined: all) are connected to other replicas, and how they are. What is known
   * of them is as old as the last time somebody asked for it. A connection of ours that its agent has left for another
   * replica is closed.
   */
  async refresh(keys?: readonly string[]): Promise<void> {
    const fleet = this.#fleet;
    if (fleet === undefined) return;
    // One after the other: an answer that was overtaken must not undo a newer one.
    const earlier = this.#refreshing;
    const refreshing = this.#refreshAfter(earlier, fleet, keys);
    this.#refreshing = refreshing.catch(() => {});
    await refreshing;
    this.#changed();
  }

  /** Reads anew who is known and who is connected to other replicas; nothing where there are none. */
  async catchUp(): Promise<void> {
    if (this.#fleet === undefined) return;
    await this.load();
    await this.refresh();
  }

  live(key: string): LiveVm | undefined {
    return this.#live.get(key);
  }

  /** A VM whose agent is connected, to this replica or (as far as was asked) to another, whose `owner` it has then. */
  find(key: string): (Presence & { readonly owner?: string }) | undefined {
    const near = this.#live.get(key);
    const far = this.#far.get(key);
    return near === undefined || (far !== undefined && far.connectedAtMs > near.connectedAtMs) ? far : near;
  }

  /** How those of one scope and role are that are connected, to this replica or another, as of now. */
  async ofRole({ scope, role }: Pick<VmIdentity, 'scope' | 'role'>): Promise<readonly ServingVm[]> {
    await this.refresh();
    const keys = [...this.#known]
      .filter(([, { identity }]) => identity.scope === scope && identity.role === role)
      .map(([key]) => key);
    return keys.flatMap((key) => {
      const found = this.find(key);
      return found === undefined
        ? []
        : [{ key, scope, role, isServing: found.health.inRotation && found.health.healthy }];
    });
  }

  known(key: string): KnownVm | undefined {
    return this.#known.get(key);
  }

  /** The name as its agent writes it, also of a VM that is not connected. */
  nameOf(key: string): string | undefined {
    return this.#known.get(key)?.identity.name;
  }

  allLive(): readonly LiveVm[] {
    return [...this.#live.values()];
  }

  /** By scope and name; a connected VM was last seen now. */
  allKnown(now: number): readonly KnownVm[] {
    this.#order ??= [...this.#known.keys()].toSorted((a, b) => NAMES.compare(a, b));
    return this.#order.flatMap((key) => {
      const vm = this.#known.get(key);
      if (vm === undefined) return [];
      return [this.find(key) === undefined ? vm : { ...vm, lastSeenAtMs: now }];
    });
  }

  /** Replaces an older connection of the same VM, and closes it: its agent has lost it, whatever TCP says. */
  async connect(vm: LiveVm): Promise<void> {
    const key = vmKey(vm.identity.scope, vm.identity.name);
    const replaced = this.#live.get(key);
    this.#live.set(key, vm);
    replaced?.drop();
    this.#tell(key, vm.connection);
    await this.#remember(key, vm, undefined);
    this.#changed();
  }

  async setInventory(vm: LiveVm, inventory: Inventory): Promise<void> {
    await this.#remember(vmKey(vm.identity.scope, vm.identity.name), vm, inventory);
  }

  /** Does nothing for a connection that has been replaced. */
  setHealth(vm: LiveVm, health: AgentHealth, now: number): void {
    const key = vmKey(vm.identity.scope, vm.identity.name);
    const current = this.#live.get(key);
    if (current?.connection !== vm.connection) return;
    this.#live.set(key, { ...current, health, healthAtMs: now });
    const isNews = JSON.stringify(health) !== JSON.stringify(current.health);
    if (isNews || now < (this.#heeded.get(key) ?? 0)) this.#tell(key, vm.connection);
    this.#changed(key);
  }

  /** Another replica waits for what this VM says: until then every word of it is told. */
  heed(key: string, untilMs: number): void {
    this.#heeded.set(key, untilMs);
  }

  /** A connected VM has said something. Tells the store now and then; where that fails, at the next word. */
  async seen(vm: LiveVm, now: number): Promise<void> {
    const key = vmKey(vm.identity.scope, vm.identity.name);
    const known = this.#known.get(key);
    if (known === undefined || now - known.lastSeenAtMs < SEEN_AGAIN_MS) return;
    if (this.#live.get(key)?.connection !== vm.connection) return;
    const again = { ...known, lastSeenAtMs: now };
    try {
      await this.#store.put(again);
    } catch {
      return;
    }
    this.#setKnown(key, again);
  }

  /** False for a connection that has been replaced: the VM is not gone then. */
  async disconnect(vm: LiveVm, now: number): Promise<boolean> {
    const key = vmKey(vm.identity.scope, vm.identity.name);
    if (this.#live.get(key)?.connection !== vm.connection) return false;
    this.#live.delete(key);
    this.#heeded.delete(key);
    this.#tell(key, vm.connection);
    const known = this.#known.get(key);
    if (known !== undefined) this.#setKnown(key, { ...known, lastSeenAtMs: now });
    this.#changed();
    if (known !== undefined) await this.#store.put({ ...known, lastSeenAtMs: now });
    return true;
  }

  /** Called after every change of who is connected and how they are; with a key when it is only how this VM is. */
  onChange(listener: (key?: string) => void): void {
    this.#listeners.add(listener);
  }

  /** Who tells the other replicas of VMs that are connected to this one, or no longer are; at most one. */
  tellOthers(tell: (key: string, connection: string) => void): void {
    this.#tell = tell;
  }

  async #refreshAfter(
    earlier: Promise<void>,
    fleet: Pick<FleetStore, 'elsewhere'>,
    keys: readonly string[] | undefined,
  ): Promise<void> {
    await earlier;
    const found = new Map((await fleet.elsewhere(keys)).map((vm) => [vm.key, vm]));
    for (const key of keys ?? [...this.#far.keys()]) if (!found.has(key)) this.#far.delete(key);
    for (const [key, vm] of found) {
      this.#far.set(key, vm);
      const near = this.#live.get(key);
      if (near !== undefined && near.connectedAtMs < vm.connectedAtMs) near.drop();
    }
    // One that is new there.
    if ([...found.keys()].some((key) => !this.#known.has(key))) await this.load();
  }

  async #remember(key: string, vm: LiveVm, inventory: Inventory | undefined): Promise<void> {
    const before = this.#known.get(key);
    const known: KnownVm = {
      identity: vm.identity,
      agentVersion: vm.agentVersion,
      inventory: inventory ?? before?.inventory,
      firstSeenAtMs: before?.firstSeenAtMs ?? vm.connectedAtMs,
      lastSeenAtMs: Math.max(vm.connectedAtMs, before?.lastSeenAtMs ?? 0),
    };
    this.#setKnown(key, known);
    await this.#store.put(known);
  }

  #setKnown(key: string, vm: KnownVm): void {
    if (!this.#known.has(key)) this.#order = undefined;
    this.#known.set(key, vm);
  }

  #changed(key?: string): void {
    for (const listener of this.#listeners) listener(key);
  }
}
