import path from 'node:path';
import { getuid, pid } from 'node:process';
import type { Clock } from '../../common/runtime/clock.ts';
import type { Environment } from '../../common/runtime/environment.ts';
import { Closers } from '../../common/runtime/lifecycle.ts';
import type { ListenAddress } from '../../common/runtime/listen.ts';
import type { Log } from '../../common/runtime/log.ts';
import { probeApplication } from '../application-probe.ts';
import { restoreAll } from './all-drains.ts';
import { openClaims, type Claims } from './claims.ts';
import type { Drain } from './drain.ts';
import { assertTablesReadable, establishedConnections } from './established-connections.ts';
import { haproxyDrain } from './haproxy.ts';
import { haproxyStateFile, type HaproxyStateFile } from './haproxy-state-file.ts';
import { openHealthGate } from './health-gate.ts';
import { inheritedSocket } from './inherited-socket.ts';
import { openRotationMemory, readBoot } from './rotation-memory.ts';
import type { DrainSettings } from './settings.ts';
import { openTcpGate } from './tcp-gate.ts';
import { verbDrain } from './verb-drain.ts';

export interface OpenDrains {
  readonly drains: readonly Drain[];
  /** Where the health gate listens, if there is one. */
  readonly gate: ListenAddress | undefined;
  /** Where TCP probes are taken, if they are. */
  readonly tcpGate: ListenAddress | undefined;
  /** Only the agent was restarted, while the VM was in rotation: it still is, everywhere. */
  readonly isContinued: boolean;
  close(): Promise<void>;
}

export interface DrainTools {
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly environment: Environment;
}

/** Where the agent keeps what it needs to know after a restart, and whom it asks for what it may not do itself. */
export interface DrainPlaces {
  /** Survives a reboot. */
  readonly state: string;
  /** The control socket: its folder survives a restart of the agent, and need not survive a reboot. */
  readonly socket: string;
  /** Where what needs root is asked for, if anywhere. */
  readonly privileged?: { readonly socket: string } | undefined;
}

/**
 * Builds what the settings ask for, all of it closed. The slowest to be noticed, the gate, comes first. What is not asked
 * for is not loaded.
 *
 * `mayContinue`: nothing that this VM has promised keeps it out. Where it was in rotation before the agent was restarted it then
 * stays there, so that an upgrade of the agent takes no VM out of service and fails no probe.
 */
export async function openDrains(
  settings: DrainSettings & DrainPlaces,
  tools: DrainTools,
  mayContinue = false,
): Promise<OpenDrains> {
  const { log, environment } = tools;
  if (settings.connections !== undefined) await assertTablesReadable();
  const claims = await openClaims(path.join(settings.state, 'balancers.json'));
  const memory = await openRotationMemory(
    path.join(path.dirname(settings.socket), 'rotation'),
    await readBoot(environment['FOREWARN_VM_BOOT']),
    log,
  );
  const closers = new Closers();
  try {
    const isContinued = mayContinue && memory.wasIn;
    const gates = await openGates(settings, { ...tools, isOpen: isContinued }, closers);
    const drains = [
      ...gates.drains,
      ...haproxyDrains(settings, claims, tools),
      ...(await localDrains(settings, claims, tools)),
      ...(await ownDrains(settings, claims, tools)),
      ...(settings.connections === undefined ? [] : [establishedConnections(settings.connections.ports)]),
      memory.drain,
    ];
    return {
      drains,
      gate: gates.gate,
      tcpGate: gates.tcpGate,
      isContinued: isContinued && (await isGivenBack(drains, log)),
      close: async () => {
        await closers.close();
      },
    };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

/** Whether all of them have the VM in rotation now, also one that had not taken it back before the restart. */
async function isGivenBack(drains: readonly Drain[], log: Log): Promise<boolean> {
  const { ok, detail } = await restoreAll(drains);
  if (!ok) log.warn({ detail }, 'was in rotation before the restart of the agent, but not everywhere');
  return ok;
}

async function openGates(
  settings: DrainSettings,
  { clock, signal, environment, isOpen }: DrainTools & { readonly isOpen: boolean },
  closers: Closers,
): Promise<{ drains: readonly Drain[]; gate: ListenAddress | undefined; tcpGate: ListenAddress | undefined }> {
  if (settings.gate === undefined) return { drains: [], gate: undefined, tcpGate: undefined };
  const { applicationProbe, answer, tcp } = settings.gate;
  const isUp = async (): Promise<boolean> =>
    applicationProbe === undefined ? true : await probeApplication(applicationProbe);
  const inherited = inheritedSocket(environment, 'gate', pid);
  const gate = await openHealthGate(settings.gate.listen, isUp, { inherited, answer, isOpen, clock });
  closers.add(async () => {
    await gate.close();
  });
  if (tcp === undefined) return { drains: [gate], gate: gate.address, tcpGate: undefined };
  const tcpGate = await openTcpGate(tcp, isUp, { clock, signal });
  closers.add(async () => {
    await tcpGate.close();
  });
  return { drains: [gate, tcpGate], gate: gate.address, tcpGate: tcpGate.address };
}

function haproxyDrains(settings: DrainSettings, claims: Claims, { clock, log }: DrainTools): readonly Drain[] {
  // Two servers of one HAProxy share its file.
  const files = new Map<string, HaproxyStateFile>();
  const stateFileAt = (file: string): HaproxyStateFile => {
    const known = files.get(file) ?? haproxyStateFile(file);
    files.set(file, known);
    return known;
  };
  return settings.haproxy.flatMap(({ sockets, server, maintAfter, shutdownAfter }) =>
    sockets.map(({ address, stateFile }) =>
      haproxyDrain({
        socket: address,
        server,
        maintAfterMs: maintAfter === 'never' ? undefined : maintAfter,
        shutdownAfterMs: shutdownAfter === 'never' ? undefined : shutdownAfter,
        stateFile: stateFile === undefined ? undefined : stateFileAt(stateFile),
        claims,
        clock,
        log,
      }),
    ),
  );
}

/** What is changed by programs of this machine. */
async function localDrains(settings: DrainSettings, claims: Claims, tools: DrainTools): Promise<readonly Drain[]> {
  const drains: Drain[] = [];
  if (settings.nginx.length > 0) {
    const { nginxDrain } = await import('./nginx.ts');
    for (const entry of settings.nginx) drains.push(nginxDrain({ ...entry, claims, ...tools }));
  }
  if (settings.units.length > 0) {
    const { unitsDrain } = await import('./units.ts');
    for (const { timeout, ...entry } of settings.units)
      drains.push(unitsDrain({ ...entry, timeoutMs: timeout, claims, ...tools }));
  }
  return drains;
}

/** The operator's own ways. */
async function ownDrains(
  settings: DrainSettings & DrainPlaces,
  claims: Claims,
  tools: DrainTools,
): Promise<readonly Drain[]> {
  const { clock, log, signal } = tools;
  const drains: Drain[] = [];
  if (settings.commands.length > 0) {
    const { runVerb } = await import('./run-verb.ts');
    const { askPrivilegedUnit } = await import('../privileged/client.ts');
    const askPrivileged = settings.privileged && askPrivilegedUnit(settings.privileged.socket, clock);
    const verbTools = { clock, signal, ownUserId: getuid?.() ?? 0, askPrivileged };
    for (const command of settings.commands) {
      const what =
        'action' in command
          ? ['action', command.action, ...command.words]
          : ['command', command.file, ...command.parameters];
      drains.push(
        verbDrain({
          name: what.join(' '),
          call: async (verb) => await runVerb(command, verb, verbTools),
          canRead: true,
          claims,
          log,
        }),
      );
    }
  }
  if (settings.webhooks.length > 0) {
    const { callWebhook } = await import('./webhook.ts');
    for (const webhook of settings.webhooks) {
      drains.push(
        verbDrain({
          name: `webhook ${webhook.name}`,
          call: async (verb) => await callWebhook(webhook, verb, { clock, signal }),
          canRead: webhook.read !== undefined,
          claims,
          log,
        }),
      );
    }
  }
  return drains;
}
