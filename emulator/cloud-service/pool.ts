import type { Clock } from '../../common/runtime/clock.ts';
import { afterProbe, chooseByHash, INITIAL_HEALTH, type FlowTuple, type Health } from './health.ts';
import { probeOnce } from './probe.ts';

/** An instance behind an address. */
export interface Instance {
  readonly vm: string;
  /** Whose the ports are; 127.0.0.1 when it is left out. */
  readonly host?: string;
  readonly servesPort: number;
  readonly probePort: number;
}

export interface PoolOptions {
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
 * The instances of a deployment and what their probes say. New flows go only to healthy ones, by a hash of the flow; flows
 * that exist are left alone, whatever the probe says and whoever leaves.
 */
export interface Pool {
  /** Those there are from now on. One that stays keeps its health; one that comes has none before its probe has answered. */
  setInstances(instances: readonly Instance[]): void;
  status(): readonly InstanceStatus[];
  /** Where a new flow goes; undefined when nobody is healthy. `release` is to be called when the flow has ended. */
  take(flow: FlowTuple): { readonly host: string; readonly port: number; release(): void } | undefined;
  /** Resolves when no flow of that VM is left, though it be no longer in the pool; at the latest after `limitMs`. */
  drained(vm: string, limitMs: number): Promise<void>;
  close(): Promise<void>;
}

/** An answer later than this share of the interval counts as none, so that probes never overlap. */
const PROBE_TIMEOUT_SHARE = 0.8;
const LOOPBACK = '127.0.0.1';

interface Member {
  readonly instance: Instance;
  health: Health;
  connections: number;
  readonly stopping: AbortController;
  probing: Promise<void>;
}

export function createPool(options: PoolOptions): Pool {
  let members: readonly Member[] = [];
  /** Taken out, with flows that go on. */
  const leaving = new Set<Member>();
  const idle = new Set<() => void>();
  let isClosed = false;

  const begin = (instance: Instance): Member => {
    const stopping = new AbortController();
    const member: Member = { instance, health: INITIAL_HEALTH, connections: 0, stopping, probing: Promise.resolve() };
    member.probing = probeUntilStopped(member, options);
    return member;
  };
  const connectionsOf = (vm: string): number =>
    [...members, ...leaving].reduce((sum, one) => sum + (one.instance.vm === vm ? one.connections : 0), 0);

  return {
    setInstances: (instances) => {
      if (isClosed) return;
      const before = members;
      members = instances.map((wanted) => before.find((one) => isSame(one.instance, wanted)) ?? begin(wanted));
      for (const member of before) {
        if (members.includes(member)) continue;
        member.stopping.abort();
        if (member.connections > 0) leaving.add(member);
      }
    },
    status: () =>
      members.map(({ instance, health, connections }) => ({ vm: instance.vm, isUp: health.isUp, connections })),
    take: (flow) => {
      const healthy = members.filter((member) => member.health.isUp);
      const member = healthy[healthy.length === 0 ? 0 : chooseByHash(flow, healthy.length)];
      if (member === undefined) return undefined;
      member.connections++;
      return {
        host: member.instance.host ?? LOOPBACK,
        port: member.instance.servesPort,
        release: () => {
          member.connections--;
          if (member.connections > 0) return;
          leaving.delete(member);
          for (const wake of idle) wake();
        },
      };
    },
    drained: async (vm, limitMs) => {
      const patience = new AbortController();
      const isIdle = new Promise<void>((resolve) => {
        const look = (): void => {
          if (connectionsOf(vm) > 0 && !patience.signal.aborted) return;
          idle.delete(look);
          resolve();
        };
        idle.add(look);
        look();
      });
      await Promise.race([isIdle, options.clock.sleep(limitMs, patience.signal)]);
      patience.abort();
      for (const wake of idle) wake();
    },
    close: async () => {
      isClosed = true;
      for (const member of members) member.stopping.abort();
      await Promise.all(members.map(async (member) => await member.probing));
    },
  };
}

function isSame(one: Instance, other: Instance): boolean {
  return (
    one.vm === other.vm &&
    one.host === other.host &&
    one.servesPort === other.servesPort &&
    one.probePort === other.probePort
  );
}

async function probeUntilStopped(member: Member, options: PoolOptions): Promise<void> {
  const { clock, probe } = options;
  const stopping = member.stopping.signal;
  const target = { host: member.instance.host ?? LOOPBACK, port: member.instance.probePort, path: probe.path };
  while (!stopping.aborted) {
    const startedMs = clock.monotonic();
    const hasAnswered = await probeOnce(target, probe.intervalMs * PROBE_TIMEOUT_SHARE, clock);
    if (stopping.aborted) return;
    const wasUp = member.health.isUp;
    if (hasAnswered !== undefined) member.health = afterProbe(member.health, hasAnswered, probe.threshold);
    if (member.health.isUp !== wasUp) options.onChange({ vm: member.instance.vm, isUp: member.health.isUp });
    await clock.sleep(Math.max(0, probe.intervalMs - (clock.monotonic() - startedMs)), stopping);
  }
}
