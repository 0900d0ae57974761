import type { Clock } from '../../common/runtime/clock.ts';
import type { Environment } from '../../common/runtime/environment.ts';
import type { Closers } from '../../common/runtime/lifecycle.ts';
import type { ActivityFeed } from '../activity.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { PlatformRunner } from '../platform-runner.ts';
import type { VmRack } from '../vm-rack.ts';
import type { KeptService } from '../state/kept-parts.ts';
import type { KeptPart } from '../state/state-keeper.ts';
import type { ServiceBeginning } from './kept-service.ts';
import { CloudService } from './service.ts';

/** Opens the addresses of the fleet's cloud service, where it has one. */
export async function startService(context: {
  readonly fleet: Fleet;
  readonly rack: VmRack;
  readonly runner: PlatformRunner;
  readonly clock: Clock;
  readonly feed: ActivityFeed;
  readonly environment: Environment;
  readonly closers: Closers;
  readonly beginning: ServiceBeginning | undefined;
  readonly kept: KeptPart<KeptService | undefined>;
}): Promise<CloudService | undefined> {
  const { fleet, rack, runner, clock, feed, environment } = context;
  const { beginning, kept } = context;
  if (fleet.cloudService === undefined || beginning === undefined) return undefined;
  const service = new CloudService({
    service: fleet.cloudService,
    beginning,
    kept,
    rack,
    clock,
    feed,
    environment,
    isUnderMaintenance: (vm) => isUnderMaintenance(runner, vm),
  });
  context.closers.add(async () => {
    await service.close();
  });
  await service.start();
  return service;
}

/** Named by an event, whose notice it may use to leave rotation, or gone for good by one. */
function isUnderMaintenance(runner: PlatformRunner, vm: string): boolean {
  if (runner.state.goneVms.has(vm.toLowerCase())) return true;
  return [...runner.state.scopes.values()].some((scope) => scope.events.some((event) => event.resources.includes(vm)));
}
