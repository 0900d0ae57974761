import type { Clock } from '../../common/runtime/clock.ts';
import type { Closers } from '../../common/runtime/lifecycle.ts';
import type { RandomSource } from '../../common/runtime/random.ts';
import type { ActivityFeed } from '../activity.ts';
import type { Credentials } from '../credentials/credentials.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { PlatformRunner } from '../platform-runner.ts';
import type { KeptOperation } from '../state/kept-parts.ts';
import type { KeptPart } from '../state/state-keeper.ts';
import type { VmRack } from '../vm-rack.ts';
import { createOperationLog } from './operation-log.ts';
import type { ComputeServer } from './compute-server.ts';

/** Starts the compute API of a fleet that asks for one. TLS and certificates are loaded only then. */
export async function startCompute(context: {
  readonly fleet: Fleet;
  readonly runner: PlatformRunner;
  readonly random: RandomSource;
  readonly feed: ActivityFeed;
  readonly clock: Clock;
  readonly rack: VmRack;
  readonly credentials: Credentials;
  readonly closers: Closers;
  readonly kept: KeptPart<readonly KeptOperation[] | undefined>;
}): Promise<Pick<ComputeServer, 'url' | 'caFile'> | undefined> {
  const { fleet, runner, random, feed, clock, rack } = context;
  if (fleet.compute === undefined) return undefined;
  const { startComputeServer } = await import('./compute-server.ts');
  const server = await startComputeServer({
    ...fleet.compute,
    authority: await context.credentials.authority(),
    context: {
      runner,
      random,
      operations: createOperationLog(feed, () => clock.now(), { part: context.kept, state: runner.state }),
      location: fleet.location,
      rack,
      factsOf: (vm) => {
        const source = rack.sourceOf(vm);
        return source === undefined ? undefined : { size: source.profile.size, tags: source.tags };
      },
    },
  });
  context.closers.add(async () => {
    await server.close();
  });
  return { url: server.url, caFile: server.caFile };
}
