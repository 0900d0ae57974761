import { seededRandom } from '../../common/runtime/random.ts';
import { silentLog } from '../../common/runtime/log.ts';
import { BlobCoordinator } from '../../agent/coordinator/blob/blob-coordinator.ts';
import { openRecordBlobs } from '../../agent/coordinator/blob/record-blobs.ts';
import type { AgreementEvents, Agreements } from '../../agent/coordinator/coordinator.ts';
import { SchedulerLink } from '../../agent/coordinator/scheduler-link.ts';
import { systemClock } from '../../common/runtime/clock.ts';
import { startAzurite } from './azurite.ts';
import { FakeClock } from './fake-clock.ts';
import { IN_SERVICE, openScheduler, vmIdentity } from './running-scheduler.ts';
import { NO_CREDENTIALS } from './no-credentials.ts';
import { startTcpProxy } from './tcp-proxy.ts';

/** VMs that agree by one kind of coordinator, which really runs. */
export interface CoordinatorFleet {
  join(vm: { scope: string; name: string; vmId: string }, events: AgreementEvents): Promise<Agreements>;
  /** Lets the time pass by which leases lapse. */
  advance(ms: number): Promise<void>;
  /** Lets adapters look at their store that do so from time to time. */
  look(): Promise<void>;
  /** Takes the network away between all VMs and the store. */
  cutOff(): void;
  heal(): void;
  close(): Promise<void>;
}

export interface CoordinatorAdapter {
  readonly name: string;
  start(): Promise<CoordinatorFleet>;
}

/** Every coordinator that several VMs can agree by; each passes the contract suite. */
export const coordinatorAdapters: readonly CoordinatorAdapter[] = [
  { name: 'the scheduler (SQLite)', start: startSchedulerFleet },
  { name: 'an Azure Storage container (Azurite)', start: startBlobFleet },
];

async function startSchedulerFleet(): Promise<CoordinatorFleet> {
  // Leases lapse by the scheduler's clock alone; the connections live in real time.
  const clock = new FakeClock();
  const target = { port: 0 };
  const proxy = await startTcpProxy(() => target.port);
  const { scheduler } = await openScheduler({ hosts: new Set([`127.0.0.1:${proxy.port}`]) }, clock);
  target.port = scheduler.listening.port;
  let seed = 1;
  return {
    join: async (vm, events) => linkTo([`http://127.0.0.1:${proxy.port}`], { vm, events, seed: seed++ }),
    advance: async (ms) => {
      await clock.advance(ms);
    },
    look: async () => {},
    cutOff: () => {
      proxy.cutOff();
    },
    heal: () => {
      proxy.heal();
    },
    close: async () => {
      await proxy.close();
      await scheduler.close();
    },
  };
}

/** An agent's side of the conversation with a scheduler, or with whichever of its replicas answers. */
export function linkTo(
  urls: readonly string[],
  who: {
    readonly vm: { scope: string; name: string; vmId: string };
    readonly events: AgreementEvents;
    readonly seed: number;
  },
): Agreements {
  return new SchedulerLink({
    urls,
    who: { identity: vmIdentity(who.vm.name, who.vm), agentVersion: '0.1.0' },
    credentials: NO_CREDENTIALS,
    events: { ...who.events, order: () => {}, health: () => IN_SERVICE },
    clock: systemClock,
    random: seededRandom(who.seed),
    log: silentLog,
  });
}

async function startBlobFleet(): Promise<CoordinatorFleet> {
  const clock = new FakeClock();
  const azurite = await startAzurite('blob');
  const proxy = await startTcpProxy(() => Number(new URL(azurite.url).port));
  const connectionString = azurite.connectionString(`http://127.0.0.1:${proxy.port}`);
  let seed = 1;
  return {
    join: async (vm, events) =>
      new BlobCoordinator({
        blobs: await openRecordBlobs({ connectionString, container: 'forewarn' }),
        identity: vm,
        unmanaged: new Set(),
        events,
        clock,
        random: seededRandom(seed++),
        log: silentLog,
      }),
    advance: async (ms) => {
      await clock.advance(ms);
    },
    look: async () => {
      await clock.advance(500);
    },
    cutOff: () => {
      proxy.cutOff();
    },
    heal: () => {
      proxy.heal();
    },
    close: async () => {
      await proxy.close();
      await azurite.stop();
    },
  };
}
