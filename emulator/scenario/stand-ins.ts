import { createServer, type Server } from 'node:http';
import type { Clock } from '../../common/runtime/clock.ts';
import { UserError } from '../../common/runtime/errors.ts';
import { Closers } from '../../common/runtime/lifecycle.ts';
import { listen } from '../../common/runtime/listen.ts';
import type { Activity } from '../activity.ts';
import type { FleetBalancing } from '../fleet/fleet.ts';
import type { Emulator } from '../start-emulator.ts';

export interface StandInOptions {
  readonly emulator: Emulator;
  readonly clock: Clock;
  readonly balancing: FleetBalancing | undefined;
  /** How long after an event's appearance the first VM that it names approves; undefined = nobody does. */
  readonly approveAfterMs: number | undefined;
}

/**
 * Plays the VMs of a fleet that nobody runs, so that a scenario can be tried before there is a client to test: every VM
 * leaves rotation when an event names it, the first of them approves after a while, and all come back when it is over. Where
 * there is a public address they answer at its ports.
 */
export async function startStandIns(options: StandInOptions): Promise<{ close(): Promise<void> }> {
  const { emulator, clock, balancing, approveAfterMs } = options;
  const closers = new Closers();
  /** By VM, the events it is out for. */
  const outFor = new Map<string, Set<string>>(emulator.vms.map((vm) => [vm.name, new Set()]));

  const namedBy = (eventId: string): readonly string[] =>
    emulator.operations.events().find((event) => event.eventId === eventId)?.resources ?? [];
  const onActivity = ({ kind, eventId }: Activity): void => {
    if (eventId === undefined) return;
    if (kind === 'event.scheduled' || kind === 'event.started') {
      for (const vm of namedBy(eventId)) outFor.get(vm)?.add(eventId);
    }
    if (kind === 'event.scheduled' && approveAfterMs !== undefined) {
      const by = namedBy(eventId)[0] ?? '';
      closers.add(
        clock.after(approveAfterMs, () => {
          approve(emulator, by, eventId);
        }),
      );
    }
    if (kind === 'event.gone' || kind === 'event.cancelled')
      for (const events of outFor.values()) events.delete(eventId);
  };
  closers.add(emulator.feed.subscribe(onActivity));

  for (const vm of emulator.vms) {
    const isIn = (): boolean => outFor.get(vm.name)?.size === 0;
    const gatePort = balancing === undefined ? undefined : vm.ports[balancing.probe.port];
    const servesPort = balancing === undefined ? undefined : vm.ports[balancing.serves];
    try {
      if (gatePort !== undefined) await serve(gatePort, () => (isIn() ? 200 : 503), closers);
      if (servesPort !== undefined && servesPort !== gatePort) await serve(servesPort, () => 200, closers);
    } catch (error) {
      await closers.close();
      throw error;
    }
  }
  return {
    close: async () => {
      await closers.close();
    },
  };
}

function approve(emulator: Emulator, vm: string, eventId: string): void {
  try {
    emulator.operations.approve(vm, [eventId]);
  } catch (error) {
    // Cancelled or over meanwhile: there is nothing to approve any more.
    if (!(error instanceof UserError)) throw error;
  }
}

async function serve(port: number, status: () => number, closers: Closers): Promise<void> {
  const server: Server = createServer((_request, response) => {
    response.writeHead(status(), { connection: 'close' });
    response.end();
  });
  await listen(server, { host: '127.0.0.1', port }, 'standIns');
  closers.add(async () => {
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
      server.closeAllConnections();
    });
  });
}
