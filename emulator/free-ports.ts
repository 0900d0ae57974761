import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { UserError } from '../common/runtime/errors.ts';
import type { RandomSource } from '../common/runtime/random.ts';

/** Picks ports of 127.0.0.1 that are free now, each once. */
export interface PortPicker {
  /** `wanted` when it is free, as a VM had it before; else any. */
  pick(wanted?: number): Promise<number>;
}

/** Below are ports of well-known services. */
const LOWEST_PORT = 10_000;
/** Linux without /proc readable, and other systems: the lowest start of the ephemeral range in use (Linux's default). */
const DEFAULT_EPHEMERAL_START = 32_768;
const MAX_TRIES = 200;

/**
 * Ports below the system's ephemeral range: a VM keeps its ports over a reboot, and a port from that range could be taken by
 * any outgoing connection while the VM is down.
 */
export async function createPortPicker(random: RandomSource): Promise<PortPicker> {
  const end = await ephemeralStart();
  const taken = new Set<number>();
  return {
    pick: async (wanted) => {
      if (wanted !== undefined && !taken.has(wanted) && (await isFree(wanted))) {
        taken.add(wanted);
        return wanted;
      }
      for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
        const port = LOWEST_PORT + Math.floor(random.fraction() * (end - LOWEST_PORT));
        if (taken.has(port)) continue;
        taken.add(port);
        if (await isFree(port)) return port;
      }
      throw new UserError('NO_FREE_PORT', `found no free port between ${LOWEST_PORT} and ${end} on 127.0.0.1`);
    },
  };
}

async function ephemeralStart(): Promise<number> {
  try {
    const start = Number.parseInt(await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'latin1'), 10);
    return start > LOWEST_PORT + 1000 ? start : DEFAULT_EPHEMERAL_START;
  } catch {
    return DEFAULT_EPHEMERAL_START;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once('error', () => {
      resolve(false);
    });
    server.listen(port, '127.0.0.1', () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
