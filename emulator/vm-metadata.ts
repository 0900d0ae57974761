import { systemClock, type Clock } from '../common/runtime/clock.ts';
import { factsOf } from './emulated-vm.ts';
import type { Fault } from './faults.ts';
import type { Fleet, FleetVm } from './fleet/fleet.ts';
import type { PortPicker } from './free-ports.ts';
import { createFirstCalls, type FirstCalls } from './metadata/first-call.ts';
import { startMetadataServer, type MetadataServer } from './metadata/metadata-server.ts';
import { offeredVersions, type OfferedVersions } from './metadata/offered-versions.ts';
import { EventsRenderer } from './metadata/scheduled-events.ts';
import { AZURE_REQUESTS_PER_SECOND, type MetadataSettings } from './metadata/settings.ts';
import { askedWorthNoting } from './platform/enabling.ts';
import type { ScopeState } from './platform/state.ts';
import type { PlatformRunner } from './platform-runner.ts';

/** What the metadata services of a fleet share. */
export interface FleetMetadata {
  readonly fleet: Fleet;
  readonly runner: PlatformRunner;
  readonly clock: Clock;
  readonly picker: PortPicker;
  readonly firstCalls: FirstCalls;
  readonly versions: OfferedVersions;
}

export function createFleetMetadata(
  shared: Pick<FleetMetadata, 'fleet' | 'runner' | 'clock' | 'picker'>,
): FleetMetadata {
  const { metadata } = shared.fleet;
  return {
    ...shared,
    firstCalls: createFirstCalls(metadata.firstCallDelayMs),
    versions: offeredVersions(metadata.refuseVersions),
  };
}

/** Starts the metadata service of one VM. `fault` is asked for every request. */
export async function startVmMetadata(
  source: FleetVm,
  shared: FleetMetadata,
  fault: () => Fault | undefined,
): Promise<MetadataServer> {
  const { fleet, runner, clock } = shared;
  const { vm } = source;
  const scope = (): ScopeState => {
    const found = runner.state.scopes.get(vm.scope);
    if (found !== undefined && !askedWorthNoting(found, runner.state.settings, clock.now())) return found;
    runner.submit({ kind: 'enable', vm: vm.name });
    const enabled = runner.state.scopes.get(vm.scope);
    if (enabled === undefined) throw new Error(`VM ${vm.name} is in no scope of the platform`);
    return enabled;
  };
  return await startMetadataServer({
    vm: {
      facts: factsOf(source, fleet),
      versions: shared.versions,
      renderer: new EventsRenderer(),
      enablingMs: () => shared.firstCalls.waitMs(runner.state.scopes.get(vm.scope), clock.now()),
      scope,
      approve: (eventIds) => runner.submit({ kind: 'approve', vm: vm.name, eventIds }).kind === 'accepted',
    },
    address: source.metadata ?? { host: '127.0.0.1', port: await shared.picker.pick() },
    clock,
    requestsPerSecond: requestsPerSecond(fleet.metadata, clock),
    fault,
  });
}

/** Azure's limit unless the fleet says otherwise; none by default where time does not pass by itself. */
function requestsPerSecond(settings: MetadataSettings, clock: Clock): number {
  return settings.requestsPerSecond ?? (clock === systemClock ? AZURE_REQUESTS_PER_SECOND : 0);
}
