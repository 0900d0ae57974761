import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startForewarn } from '../support/program.ts';
import { quantile, type Figure } from './figures.ts';
import { loadFleet, type FleetLoad } from './fleet-load.ts';

/** Connections, each of which asks once a second. */
const PER_SECOND = 10_000;
const SECONDS = 8;
/** What such a fleet is promised: answers within, and memory below. */
const PROMISED_P99_MS = 25;
const PROMISED_BYTES = 300e6;
const MB = 1e6;

/**
 * A fleet of 10,000 VMs in 500 scopes, all asking once a second over kept connections, served by one process; beside it 10
 * VMs with as many connections at the same rate: what a GET costs must not depend on how many VMs there are.
 */
export async function measureMetadataFleet(): Promise<readonly Figure[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'forewarn-bench-'));
  try {
    const few = await measure(folder, 1, 10);
    const many = await measure(folder, 500, 20);
    const p99 = quantile(many.latenciesMs, 0.99);
    const share = (load: FleetLoad): string =>
      `server ${Math.round(load.serverShare * 100)} %, load generator ${Math.round(load.ownShare * 100)} % of a processor`;
    return [
      {
        name: `GET by 10,000 VMs of 500 scopes, once a second each (${many.latenciesMs.length} answers)`,
        ours: `p50 ${quantile(many.latenciesMs, 0.5).toFixed(1)} ms, p99 ${p99.toFixed(1)} ms; ${share(many)}`,
        limit: `p99 below ${PROMISED_P99_MS} ms is promised`,
        ratio: (p99 / PROMISED_P99_MS).toFixed(2),
      },
      {
        name: 'memory of that process',
        ours: `${Math.round(many.residentBytes / MB)} MB`,
        limit: `${PROMISED_BYTES / MB} MB is promised`,
        ratio: (many.residentBytes / PROMISED_BYTES).toFixed(2),
      },
      {
        name: 'processor time of one GET with 10,000 VMs',
        ours: `${many.serverMicrosPerGet.toFixed(1)} µs; ${share(many)}`,
        limit: `${few.serverMicrosPerGet.toFixed(1)} µs with 10 VMs, as many connections and the same rate; ${share(few)}`,
        ratio: (many.serverMicrosPerGet / few.serverMicrosPerGet).toFixed(2),
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(folder: string, scopes: number, vmsOfScope: number): Promise<FleetLoad> {
  const file = path.join(folder, `${scopes}.yaml`);
  const sets = Array.from({ length: scopes }, (_, index) => `  - { name: set${index}, instances: ${vmsOfScope} }\n`);
  writeFileSync(
    file,
    `control: 127.0.0.1:0\nhost: none\nmetadata: { requestsPerSecond: 0 }\nscaleSets:\n${sets.join('')}`,
  );
  const emulator = await startForewarn(['emulator', '--fleet', file]);
  try {
    const vms = emulator.ready['vms'] as { metadata: string }[];
    return await loadFleet({
      serverPid: emulator.child.pid ?? 0,
      metadata: Array.from({ length: PER_SECOND }, (_, index) => vms[index % vms.length]?.metadata ?? ''),
      perSecond: PER_SECOND,
      seconds: SECONDS,
    });
  } finally {
    await emulator.stop();
  }
}
