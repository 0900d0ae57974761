import path from 'node:path';
import type { ListenAddress } from '../../common/runtime/listen.ts';
import type { Log } from '../../common/runtime/log.ts';
import { probeApplication } from '../application-probe.ts';
import type { AgentSettings } from '../settings.ts';
import { openClaims } from './claims.ts';
import type { Drain } from './drain.ts';
import { assertTablesReadable, establishedConnections } from './established-connections.ts';
import { haproxyDrain } from './haproxy.ts';
import { openHealthGate } from './health-gate.ts';

export interface OpenDrains {
  readonly drains: readonly Drain[];
  /** Where the health gate listens, if there is one. */
  readonly gate: ListenAddress | undefined;
  close(): Promise<void>;
}

/** Builds what the settings ask for, all of it closed. The slowest to be noticed, the gate, comes first. */
export async function openDrains(settings: AgentSettings, log: Log): Promise<OpenDrains> {
  const drains: Drain[] = [];
  if (settings.connections !== undefined) await assertTablesReadable();
  const claims = await openClaims(path.join(settings.state, 'balancers.json'));
  for (const { sockets, server } of settings.haproxy) {
    for (const socket of sockets) drains.push(haproxyDrain({ socket, server, claims, log }));
  }
  if (settings.connections !== undefined) drains.push(establishedConnections(settings.connections.ports));
  if (settings.gate === undefined) return { drains, gate: undefined, close: async () => {} };
  const { listen, applicationProbe } = settings.gate;
  const gate = await openHealthGate(listen, async () =>
    applicationProbe === undefined ? true : await probeApplication(applicationProbe),
  );
  return {
    drains: [gate, ...drains],
    gate: gate.address,
    close: async () => {
      await gate.close();
    },
  };
}
