import { createServer, type Socket } from 'node:net';
import type { Clock } from '../../common/runtime/clock.ts';
import { listen, type ListenAddress } from '../../common/runtime/listen.ts';
import { forward } from './forward.ts';
import { afterProbe, chooseByHash, INITIAL_HEALTH, type Health } from './health.ts';
import { probeOnce } from './probe.ts';

/** An instance behind the public address. Ports are of 127.0.0.1. */
export interface Instance {
  readonly vm: string;
  readonly servesPort: number;
  readonly probePort: number;
}

export interface BalancerOptions {
  readonly publicAddress: ListenAddress;
  readonly instances: readonly Instance[];
  readonly probe: { readonly path: string; readonly intervalMs: number; readonly threshold: number };
  readonly clock: Clock;
  /** An instance has come in, or fallen out. */
  readonly onChange: (change: { readonly vm: string; readonly isUp: boolean }) => void;
}

export interface InstanceStatus {
  readonly vm: string;
  readonly isUp: boolean;
  readonly connections: number;
}

/**
 * The public address of a cloud service, with the manners of Azure Load Balancer (Standard): a TCP balancer that gives new
 * connections only to instances whose probe answers, by a hash of the flow, and leaves flows that exist alone whatever the
 * probe says. When no instance is healthy, new connections are reset at once (Azure: not delivered; a reset says it sooner).
 */
export interface Balancer {
  readonly address: ListenAddress;
  status(): readonly InstanceStatus[];
  close(): Promise<void>;
}

/** An answer later than this share of the interval counts as none, so that probes never overlap. */
const PROBE_TIMEOUT_SHARE = 0.8;
/** Flows at a time: two sockets each, well below the usual limit of open files (65,536 for services). */
const MAX_FLOWS = 20_000;
const LOOPBACK = '127.0.0.1';

interface Member {
  readonly instance: Instance;
  health: Health;
  connections: number;
}

export async function startBalancer(options: BalancerOptions): Promise<Balancer> {
  const members: readonly Member[] = options.instances.map((instance) => ({
    instance,
    health: INITIAL_HEALTH,
    connections: 0,
  }));
  const sockets = new Set<Socket>();
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    track(client);
    client.on('error', () => {
      // Broken by the client; `forward` breaks the other side.
    });
    const member = choose(members, client);
    if (member === undefined) {
      client.resetAndDestroy();
      return;
    }
    member.connections++;
    client.once('close', () => {
      member.connections--;
    });
    track(forward(client, { host: LOOPBACK, port: member.instance.servesPort }));
  });
  server.maxConnections = MAX_FLOWS;
  const address = await listen(server, options.publicAddress, 'cloudService.publicAddress');
  server.on('error', () => {
    // A connection could not be accepted (no file left for it): its client sees that; the others go on.
  });
  const stopping = new AbortController();
  const probing = members.map(async (member) => {
    await probeForEver(member, options, stopping.signal);
  });
  return {
    address,
    status: () =>
      members.map((member) => ({
        vm: member.instance.vm,
        isUp: member.health.isUp,
        connections: member.connections,
      })),
    close: async () => {
      stopping.abort();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of sockets) socket.destroy();
      });
      await Promise.all(probing);
    },
  };
}

function choose(members: readonly Member[], client: Socket): Member | undefined {
  const healthy = members.filter((member) => member.health.isUp);
  if (healthy.length === 0) return undefined;
  const flow = {
    sourceAddress: client.remoteAddress ?? '',
    sourcePort: client.remotePort ?? 0,
    targetAddress: client.localAddress ?? '',
    targetPort: client.localPort ?? 0,
  };
  return healthy[chooseByHash(flow, healthy.length)];
}

async function probeForEver(member: Member, options: BalancerOptions, stopping: AbortSignal): Promise<void> {
  const { clock, probe } = options;
  const target = { host: LOOPBACK, port: member.instance.probePort, path: probe.path };
  while (!stopping.aborted) {
    const startedMs = clock.monotonic();
    const hasAnswered = await probeOnce(target, probe.intervalMs * PROBE_TIMEOUT_SHARE, clock);
    if (stopping.aborted) return;
    const wasUp = member.health.isUp;
    member.health = afterProbe(member.health, hasAnswered, probe.threshold);
    if (member.health.isUp !== wasUp) options.onChange({ vm: member.instance.vm, isUp: member.health.isUp });
    await clock.sleep(Math.max(0, probe.intervalMs - (clock.monotonic() - startedMs)), stopping);
  }
}
