import type { Clock } from '../../common/runtime/clock.ts';
import type { Environment } from '../../common/runtime/environment.ts';
import { EXIT_USAGE, UserError } from '../../common/runtime/errors.ts';
import { formatAddress, type ListenAddress } from '../../common/runtime/listen.ts';
import type { ActivityFeed } from '../activity.ts';
import type { FleetService } from '../fleet/fleet.ts';
import type { KeptService } from '../state/kept-parts.ts';
import type { KeptPart } from '../state/state-keeper.ts';
import type { VmRack } from '../vm-rack.ts';
import { startBalancer, type Balancer } from './balancer.ts';
import { behindAddress, instanceName, instanceOf, instancesOf, servingRole, type Deployment } from './deployment.ts';
import { createPool, type InstanceStatus, type Pool } from './pool.ts';
import { keptDeployment, newDeployment, type ServiceBeginning, type UnwatchedDeployment } from './kept-service.ts';
import { createReplacer, type Replacer } from './replacer.ts';
import { parseDefinition, type ServiceDefinition } from './upload.ts';

export const SLOTS = ['production', 'staging'] as const;
export type Slot = (typeof SLOTS)[number];

export interface SlotView {
  readonly slot: Slot;
  /** From 1, the fleet file's; it stays with the deployment through a swap, as its scope does. */
  readonly deployment: number;
  readonly scope: string;
  readonly address: string | null;
  readonly roles: readonly { readonly name: string; readonly instances: number; readonly healthy: number | null }[];
}

export interface ScaleRequest {
  /** In any case of letters. */
  readonly role: string;
  readonly instances: number;
  readonly slot: Slot;
}

export interface CloudServiceOptions {
  readonly service: FleetService;
  readonly beginning: ServiceBeginning;
  /** Slots, deployments and scaling outlive the run in it. */
  readonly kept: KeptPart<KeptService | undefined>;
  readonly rack: VmRack;
  readonly clock: Clock;
  readonly feed: ActivityFeed;
  /** For `${NAME}` in uploaded files. */
  readonly environment: Environment;
  /** Whether the platform is at work on a VM: then it is down on purpose. */
  readonly isUnderMaintenance: (vm: string) => boolean;
}

/** An instance that is scaled in may finish what it does (Azure gives OnStop up to 5 min; here nobody wants to wait so long). */
const STOP_PATIENCE_MS = 5000;
/** As many as a fleet file may ask for. */
const MAX_INSTANCES = 1000;

/**
 * The cloud service: two slots, a deployment in each, one address for each. What changes it happens one after another.
 * The VMs of what it begins with are on the rack already when it is made; `start` opens the addresses.
 */
export class CloudService {
  readonly #options: CloudServiceOptions;
  readonly #slots: Record<Slot, Deployment | undefined>;
  readonly #balancers: Record<Slot, Balancer | undefined> = { production: undefined, staging: undefined };
  readonly #replacer: Replacer;
  #count: number;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: CloudServiceOptions) {
    this.#options = options;
    this.#replacer = createReplacer({
      clock: options.clock,
      isUnderMaintenance: options.isUnderMaintenance,
      replace: async (vm) => {
        await this.#inTurn(async () => {
          await this.#replace(vm);
        });
      },
      onError: (vm, reason) => {
        options.feed.publish({ kind: 'vm.failed', vm, detail: `could not be replaced: ${reason}` });
      },
    });
    const { count, production, staging } = options.beginning;
    this.#count = count;
    this.#slots = {
      production: this.#watched(production),
      staging: staging === undefined ? undefined : this.#watched(staging),
    };
    options.kept.provide(() => this.#kept());
    for (const deployment of this.#deployments()) this.#refresh(deployment);
  }

  /** The public address; undefined before `start`, and without one in the fleet file. */
  get frontend(): ListenAddress | undefined {
    return this.#balancers.production?.address;
  }

  /** The same as a URL. */
  get publicAddress(): string | undefined {
    return addressOf(this.#balancers.production) ?? undefined;
  }

  async start(): Promise<void> {
    const { publicAddress, stagingAddress } = this.#options.service;
    for (const slot of SLOTS) {
      const address = slot === 'production' ? publicAddress : stagingAddress;
      const setting = `cloudService.${slot === 'production' ? 'publicAddress' : 'stagingAddress'}`;
      if (address === undefined) continue;
      this.#balancers[slot] = await startBalancer({ listen: address, setting, pool: () => this.#slots[slot]?.pool });
    }
  }

  view(): readonly SlotView[] {
    return SLOTS.flatMap((slot) => viewOf(slot, this.#slots[slot], this.#balancers[slot]));
  }

  /** Who gets connections, in both slots. */
  status(): readonly InstanceStatus[] {
    return this.#deployments().flatMap((deployment) => deployment.pool?.status() ?? []);
  }

  /**
   * Out: new instances, in rotation once their probes answer. In: the highest numbers go; they get no new connections, and
   * end when theirs have ended, at the latest after `STOP_PATIENCE_MS`.
   */
  async scale(wanted: ScaleRequest): Promise<readonly SlotView[]> {
    return await this.#inTurn(async () => {
      const { slot, instances } = wanted;
      const deployment = this.#slots[slot] ?? refuse('NO_DEPLOYMENT', `there is no deployment in the ${slot} slot`);
      const role = roleNamed(deployment, wanted.role);
      if (!Number.isInteger(instances) || instances < 1 || instances > MAX_INSTANCES) {
        refuse('BAD_BODY', `expected 1 to ${MAX_INSTANCES} instances, got ${instances}`);
      }
      const [less, more] = [Math.min(role.instances, instances), Math.max(role.instances, instances)];
      const names = new Set(
        Array.from({ length: more - less }, (_, index) => instanceName(deployment, role, less + index)),
      );
      const isOut = instances > role.instances;
      if (!isOut) await this.#stop(deployment, names);
      const before = deployment.roles;
      deployment.roles = before.map((other) => (other === role ? { ...role, instances } : other));
      if (isOut) {
        await this.#startOr(deployment, names, () => {
          deployment.roles = before;
        });
      }
      this.#options.kept.save();
      const detail = `${role.name} from ${role.instances} to ${instances}`;
      this.#options.feed.publish({ kind: 'service.scaled', detail });
      return this.view();
    });
  }

  /** Starts a deployment in the staging slot, in the place of whatever is there. Throws what is wrong with the file. */
  async upload(definition: ServiceDefinition): Promise<readonly SlotView[]> {
    return await this.#inTurn(async () => {
      const { service, environment, feed } = this.#options;
      const isServed = service.publicAddress !== undefined;
      const parts = parseDefinition(definition, { environment, isServed });
      const old = this.#slots.staging;
      this.#slots.staging = undefined;
      if (old !== undefined) await this.#end(old);
      this.#count++;
      const deployment = this.#watched(newDeployment(service, { ...parts, number: this.#count, definition }));
      this.#slots.staging = deployment;
      await this.#startOr(deployment, namesOf(deployment), () => {
        this.#slots.staging = undefined;
      });
      this.#options.kept.save();
      const detail = `deployment ${deployment.number} is in the staging slot, scope ${deployment.scope}`;
      feed.publish({ kind: 'service.uploaded', detail });
      return this.view();
    });
  }

  /** Exchanges the addresses of the slots: one step, and connections that exist go on to where they went. */
  async swap(): Promise<readonly SlotView[]> {
    return await this.#inTurn(async () => {
      const { production, staging } = this.#slots;
      if (production === undefined || staging === undefined) {
        return refuse('NO_DEPLOYMENT', 'there is nothing in the staging slot to swap with; upload a deployment first');
      }
      if (staging.pool !== undefined && !staging.pool.status().some((found) => found.isUp)) {
        refuse('NOTHING_HEALTHY', 'no instance of the staging slot is healthy yet: a swap would lose every request');
      }
      this.#slots.production = staging;
      this.#slots.staging = production;
      try {
        this.#options.kept.save();
      } catch (error) {
        this.#slots.production = production;
        this.#slots.staging = staging;
        throw error;
      }
      this.#options.feed.publish({ kind: 'service.swapped', detail: `deployment ${staging.number} is in production` });
      return this.view();
    });
  }

  /** Closes the addresses; the VMs are the rack's. */
  async close(): Promise<void> {
    this.#replacer.stop();
    for (const slot of SLOTS) await this.#balancers[slot]?.close();
    for (const deployment of this.#deployments()) await deployment.pool?.close();
  }

  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => {});
    return await done;
  }

  #deployments(): readonly Deployment[] {
    return SLOTS.flatMap((slot) => this.#slots[slot] ?? []);
  }

  #watched(deployment: UnwatchedDeployment): Deployment {
    return { ...deployment, pool: this.#poolOf(deployment.roles) };
  }

  /** Undefined while there is nothing in production, which is never. */
  #kept(): KeptService | undefined {
    const { production, staging } = this.#slots;
    if (production === undefined) return undefined;
    const rest = staging === undefined ? {} : { staging: keptDeployment(staging) };
    return { count: this.#count, production: keptDeployment(production), ...rest };
  }

  #poolOf(roles: Deployment['roles']): Pool | undefined {
    const { service, clock, feed } = this.#options;
    const probe = servingRole(roles)?.probe;
    if (probe === undefined || service.publicAddress === undefined) return undefined;
    return createPool({
      probe: { path: probe.path, intervalMs: probe.interval, threshold: probe.threshold },
      clock,
      onChange: ({ vm, isUp }) => {
        const detail = isUp ? 'new connections are given to it' : 'no new connections are given to it';
        feed.publish({ kind: isUp ? 'probe.up' : 'probe.down', vm, detail });
        if (isUp) this.#replacer.healthy(vm);
        else this.#replacer.failed(vm, probe.replaceAfter);
      },
    });
  }

  /** Those behind the address are the instances that are there; one that has never answered counts as failed from now. */
  #refresh(deployment: Deployment, without?: ReadonlySet<string>): void {
    deployment.pool?.setInstances(behindAddress(deployment, (vm) => this.#options.rack.find(vm), without));
    const afterMs = servingRole(deployment.roles)?.probe?.replaceAfter ?? 0;
    for (const { vm, isUp } of deployment.pool?.status() ?? []) if (!isUp) this.#replacer.failed(vm, afterMs);
  }

  async #start(deployment: Deployment, names: ReadonlySet<string>): Promise<void> {
    const { rack } = this.#options;
    const started = instancesOf(deployment).filter((found) => names.has(found.name));
    const outcomes = await Promise.allSettled(
      started.map(async ({ role, index }) => await rack.add(instanceOf(deployment, role, index), 'cloud-service')),
    );
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    this.#refresh(deployment);
  }

  /** What did not all come up is taken away again. */
  async #startOr(deployment: Deployment, names: ReadonlySet<string>, undo: () => void): Promise<void> {
    try {
      await this.#start(deployment, names);
    } catch (error) {
      await this.#stop(deployment, names);
      undo();
      this.#options.kept.save();
      throw error;
    }
  }

  async #stop(deployment: Deployment, names: ReadonlySet<string>): Promise<void> {
    this.#refresh(deployment, names);
    await Promise.all(
      [...names].map(async (name) => {
        this.#replacer.healthy(name);
        await deployment.pool?.drained(name, STOP_PATIENCE_MS);
        await this.#options.rack.remove(name);
      }),
    );
  }

  async #end(deployment: Deployment): Promise<void> {
    await this.#stop(deployment, namesOf(deployment));
    await deployment.pool?.close();
  }

  async #replace(vm: string): Promise<void> {
    const { rack, feed } = this.#options;
    const deployment = this.#deployments().find((found) => namesOf(found).has(vm));
    if (deployment === undefined) return;
    const only = new Set([vm]);
    this.#refresh(deployment, only);
    await rack.remove(vm);
    deployment.generations.set(vm, (deployment.generations.get(vm) ?? 0) + 1);
    await this.#start(deployment, only);
    feed.publish({ kind: 'vm.replaced', vm, detail: 'its probe had failed for too long: a new VM, with empty disks' });
  }
}

function namesOf(deployment: Deployment): ReadonlySet<string> {
  return new Set(instancesOf(deployment).map((found) => found.name));
}

function roleNamed(deployment: Deployment, name: string): Deployment['roles'][number] {
  const role = deployment.roles.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
  const known = deployment.roles.map((other) => other.name).join(', ');
  return role ?? refuse('UNKNOWN_TARGET', `no role ${JSON.stringify(name)}; known: ${known}`);
}

function viewOf(slot: Slot, deployment: Deployment | undefined, balancer: Balancer | undefined): readonly SlotView[] {
  if (deployment === undefined) return [];
  const { number, scope, roles, pool } = deployment;
  const serving = servingRole(roles);
  const healthy = pool?.status().filter((found) => found.isUp).length ?? null;
  return [
    {
      slot,
      deployment: number,
      scope,
      address: addressOf(balancer),
      roles: roles.map((role) => ({
        name: role.name,
        instances: role.instances,
        healthy: role === serving ? healthy : null,
      })),
    },
  ];
}

function addressOf(balancer: Balancer | undefined): string | null {
  return balancer === undefined ? null : `http://${formatAddress(balancer.address)}`;
}

function refuse(code: string, message: string): never {
  throw new UserError(code, message, { exitStatus: EXIT_USAGE });
}
