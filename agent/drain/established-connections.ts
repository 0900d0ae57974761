import { readFile } from 'node:fs/promises';
import { systemErrorCode, UserError } from '../../common/runtime/errors.ts';
import type { Drain } from './drain.ts';

/** State of an established TCP connection in the kernel's tables (include/net/tcp_states.h). */
const ESTABLISHED = '01';

const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6'] as const;

/**
 * The one proof that holds with every balancer: no connection is established to a port that this VM serves. It is read from
 * the kernel's tables and not by `ss`, which needs a netlink socket that a hardened service may not open, and then may print
 * nothing as if there were nothing.
 */
export function establishedConnections(ports: readonly number[]): Drain {
  const served = new Set(ports);
  return {
    name: `connections to port ${ports.join(', ')}`,
    // Nothing can be turned away here: this only looks.
    start: async () => {},
    read: async () => {
      let count = 0;
      for (const table of await readTables()) count += countEstablished(table, served);
      return { clear: count === 0, count, detail: `${count} established` };
    },
    restore: async () => {},
  };
}

/** Throws a `UserError` where the kernel's tables are not to be had, so that the setting is refused and not ignored. */
export async function assertTablesReadable(): Promise<void> {
  try {
    await readTables();
  } catch (error) {
    throw new UserError('CONNECTIONS_UNREADABLE', 'connections.ports: this system does not show its connections', {
      hint: `${TABLES[0]} exists on Linux only; leave connections out`,
      exitStatus: 2,
      cause: error,
    });
  }
}

async function readTables(): Promise<readonly string[]> {
  const tables = [await readFile(TABLES[0], 'utf8')];
  try {
    tables.push(await readFile(TABLES[1], 'utf8'));
  } catch (error) {
    // A kernel without IPv6 has no second table; any other failure means that we cannot tell.
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
  return tables;
}

/**
 * Lines of one table whose local port is served and whose state is established. A line:
 * `0: 0100007F:1F90 0100007F:C350 01 …` (slot, local address:port, remote, state; ports in hexadecimal).
 */
export function countEstablished(table: string, ports: ReadonlySet<number>): number {
  let count = 0;
  for (const line of table.split('\n').slice(1)) {
    const [, local, , state] = line.trim().split(/\s+/);
    if (state !== ESTABLISHED || local === undefined) continue;
    if (ports.has(Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16))) count++;
  }
  return count;
}
