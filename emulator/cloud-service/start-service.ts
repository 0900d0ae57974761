import type { Clock } from '../../common/runtime/clock.ts';
import type { Environment } from '../../common/runtime/environment.ts';
import type { Closers } from '../../common/runtime/lifecycle.ts';
import type { ActivityFeed } from '../activity.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { PlatformRunner } from '../platform-runner.ts';
import type { VmRack } from '../vm-rack.ts';
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
}): Promise<CloudService | undefined> {
  const { fleet, rack, runner, clock, feed, environment } = context;
  if (fleet.cloudService === undefined) return undefined;
  const service = new CloudService({
    service: fleet.cloudService,
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
