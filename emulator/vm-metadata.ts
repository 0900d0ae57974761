import { systemClock, type Clock } from '../common/runtime/clock.ts';
import type { ListenAddress } from '../common/runtime/listen.ts';
import { factsOf } from './emulated-vm.ts';
import type { Fault } from './faults.ts';
import { stableGuid, type Fleet, type FleetVm } from './fleet/fleet.ts';
import type { PortPicker } from './free-ports.ts';
import { createAdmission, type Admission, type MetadataLimits } from './metadata/admission.ts';
import type { MetadataCredentials } from './metadata/credentials.ts';
import { createHttpFront, type HttpFront } from './metadata/http-front.ts';
import { createFirstCalls, type FirstCalls } from './metadata/first-call.ts';
import { resourceIdOf, type InstanceFacts } from './metadata/instance.ts';
import { startMetadataServer, type MetadataServer } from './metadata/metadata-server.ts';
import type { MetadataVm } from './metadata/respond.ts';
import { offeredVersions, type OfferedVersions } from './metadata/offered-versions.ts';
import type { IdentityService } from './metadata/respond-identity.ts';
import type { LoadBalancing } from './metadata/respond-load-balancer.ts';
import { EventsRenderer } from './metadata/scheduled-events.ts';
import { AZURE_REQUESTS_PER_SECOND, AZURE_TOKENS_PER_SECOND, type MetadataSettings } from './metadata/settings.ts';
import { askedWorthNoting } from './platform/enabling.ts';
import type { ScopeState } from './platform/state.ts';
import type { PlatformRunner } from './platform-runner.ts';

/** What the metadata services of a fleet share. */
export interface FleetMetadata {
  readonly fleet: Fleet;
  readonly runner: PlatformRunner;
  readonly clock: Clock;
  readonly picker: PortPicker;
  readonly front: HttpFront;
  readonly renderer: EventsRenderer;
  readonly firstCalls: FirstCalls;
  readonly versions: OfferedVersions;
  readonly admission: Admission;
  readonly tenantId: string;
  readonly credentials: MetadataCredentials;
  /** The scope as a VM sees it under a fault that keeps it behind. */
  readonly past: (fault: Fault, scope: ScopeState) => ScopeState;
  /** The public address and the port of that VM which it leads to; undefined when it does not lead there. */
  balancedPort(source: FleetVm): { readonly frontend: ListenAddress; readonly backendPort: number } | undefined;
}

export function createFleetMetadata(
  shared: Omit<FleetMetadata, 'front' | 'renderer' | 'firstCalls' | 'versions' | 'admission' | 'tenantId'>,
): FleetMetadata {
  const { metadata } = shared.fleet;
  return {
    ...shared,
    front: createHttpFront(),
    renderer: new EventsRenderer(),
    firstCalls: createFirstCalls(metadata.firstCallDelayMs),
    versions: offeredVersions(metadata.refuseVersions),
    admission: createAdmission(limitsOf(metadata, shared.clock), shared.clock),
    tenantId: stableGuid('tenant').toLowerCase(),
  };
}

/** Starts the metadata service of one VM. `own.fault` is asked for every request. */
export async function startVmMetadata(
  source: FleetVm,
  shared: FleetMetadata,
  own: {
    readonly fault: () => Fault | undefined;
    /** Where it was before; undefined when it was nowhere. */
    readonly port: number | undefined;
  },
): Promise<MetadataServer> {
  return await startMetadataServer({
    vm: new FleetMetadataVm(source, shared),
    front: shared.front,
    address: source.metadata ?? { host: '127.0.0.1', port: await shared.picker.pick(own.port) },
    clock: shared.clock,
    admission: shared.admission,
    fault: own.fault,
    past: shared.past,
  });
}

/**
 * One VM of a fleet to its metadata service. A class, and everything about the VM made when it is asked for: there may be ten
 * thousand of these, most of which only ever ask for events.
 */
class FleetMetadataVm implements MetadataVm {
  readonly #source: FleetVm;
  readonly #shared: FleetMetadata;

  constructor(source: FleetVm, shared: FleetMetadata) {
    this.#source = source;
    this.#shared = shared;
  }

  get facts(): InstanceFacts {
    return factsOf(this.#source, this.#shared.fleet);
  }

  get identities(): IdentityService['identities'] {
    return identitiesOf(this.facts, this.#shared.fleet);
  }

  get credentials(): MetadataCredentials {
    return this.#shared.credentials;
  }

  get tenantId(): string {
    return this.#shared.tenantId;
  }

  get versions(): OfferedVersions {
    return this.#shared.versions;
  }

  get renderer(): EventsRenderer {
    return this.#shared.renderer;
  }

  balancing(): LoadBalancing | undefined {
    const found = this.#shared.balancedPort(this.#source);
    return found === undefined ? undefined : balancingOf(this.facts, found);
  }

  enablingMs(): number {
    const { firstCalls, runner, clock } = this.#shared;
    return firstCalls.waitMs(runner.state.scopes.get(this.#source.vm.scope), clock.now());
  }

  scope(): ScopeState {
    const { runner, clock } = this.#shared;
    const { vm } = this.#source;
    const found = runner.state.scopes.get(vm.scope);
    const at = { settings: runner.state.settings, now: clock.now() };
    if (found !== undefined && !askedWorthNoting(found, vm, at)) return found;
    runner.submit({ kind: 'enable', vm: vm.name });
    const enabled = runner.state.scopes.get(vm.scope);
    if (enabled === undefined) throw new Error(`VM ${vm.name} is in no scope of the platform`);
    return enabled;
  }

  approve(eventIds: readonly string[]): boolean {
    const { name } = this.#source.vm;
    return this.#shared.runner.submit({ kind: 'approve', vm: name, eventIds }).kind === 'accepted';
  }
}

/** Azure's limit unless the fleet says otherwise; none by default where time does not pass by itself. */
function limitsOf(settings: MetadataSettings, clock: Clock): MetadataLimits {
  const requestsPerSecond = settings.requestsPerSecond ?? (clock === systemClock ? AZURE_REQUESTS_PER_SECOND : 0);
  const tokensPerSecond =
    settings.tokensPerSecond ?? (requestsPerSecond === 0 ? 0 : Math.max(AZURE_TOKENS_PER_SECOND, requestsPerSecond));
  return { requestsPerSecond, tokensPerSecond, concurrentTokens: settings.concurrentTokens };
}

/** Every VM has an identity of its own, and those of the fleet. Ids are made of the names, so that they stay the same. */
function identitiesOf(facts: InstanceFacts, fleet: Fleet): IdentityService['identities'] {
  const { subscriptionId, resourceGroupName } = facts;
  const group = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroupName}/providers`;
  const withId = (resourceId: string): IdentityService['identities'][number] => ({
    clientId: stableGuid(`client ${resourceId}`).toLowerCase(),
    objectId: stableGuid(`object ${resourceId}`).toLowerCase(),
    resourceId,
  });
  return [
    withId(resourceIdOf(facts)),
    ...fleet.metadata.identities.map((name) =>
      withId(`${group}/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`),
    ),
  ];
}

function balancingOf(
  facts: InstanceFacts,
  found: NonNullable<ReturnType<FleetMetadata['balancedPort']>>,
): LoadBalancing {
  return {
    frontendIpAddress: found.frontend.host,
    frontendPort: found.frontend.port,
    backendPort: found.backendPort,
    privateIpAddress: facts.privateAddress,
  };
}
