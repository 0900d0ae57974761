import type { Inventory } from '../../common/protocol/messages.ts';
import type { Clock } from '../../common/runtime/clock.ts';

/** Most disks and addresses that are told; the protocol takes no more. */
const MAX_LISTED = 256;

let known: Promise<Inventory> | undefined;

/**
 * What this machine is, for the operators of the fleet. Read once in a process's life and only when a scheduler is there to
 * be told: it starts other programs, and the library is the heaviest the agent has.
 */
export async function readInventory(clock: Clock): Promise<Inventory> {
  known ??= collect(clock);
  try {
    return await known;
  } catch (error) {
    known = undefined;
    throw error;
  }
}

async function collect(clock: Clock): Promise<Inventory> {
  const { default: information } = await import('systeminformation');
  const [os, cpu, memory, disks] = await Promise.all([
    information.osInfo(),
    information.cpu(),
    information.mem(),
    information.fsSize(),
  ]);
  const interfaces = await information.networkInterfaces();
  const uptime = information.time().uptime;
  return {
    hostname: os.hostname,
    os: `${os.distro} ${os.release}`.trim(),
    kernel: os.kernel,
    cpuModel: `${cpu.manufacturer} ${cpu.brand}`.trim(),
    cpus: cpu.cores,
    memoryBytes: memory.total,
    bootedAtMs: Math.round(clock.now() - uptime * 1000),
    addresses: (Array.isArray(interfaces) ? interfaces : [interfaces])
      .flatMap((one) => [one.ip4, one.ip6])
      .filter((address) => address !== '')
      .slice(0, MAX_LISTED),
    disks: disks
      .slice(0, MAX_LISTED)
      .map((disk) => ({ mount: disk.mount, sizeBytes: disk.size, usedBytes: disk.used })),
  };
}
