import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseFleet } from '../../emulator/fleet/load-fleet.ts';
import { startEmulator, type Emulator } from '../../emulator/start-emulator.ts';
import { probeGate } from '../support/probe-gate.ts';
import { startForewarn, type RunningProgram } from '../support/program.ts';

export const VMS = ['web1', 'web2', 'web3'] as const;

/** Longest that anything here may take before it counts as stuck. */
export const ROUND_LIMIT_MS = 90_000;
const PROBE_EVERY_MS = 20;

/** An agent as a process of its own. */
export interface KillableAgent {
  readonly name: string;
  readonly folder: string;
  program: RunningProgram;
  start(): Promise<void>;
}

/** An emulator whose VMs are this machine's processes, a scheduler and an agent for each VM, all real. */
export interface KillsRig {
  readonly emulator: Emulator;
  /** Of the scheduler, `http://127.0.0.1:PORT`. */
  readonly scheduler: string;
  readonly agents: readonly KillableAgent[];
  close(): Promise<void>;
}

/** What a probe of the agent's gate is told: 200, 503, or 0 when nobody answers. */
export async function probe(agent: KillableAgent): Promise<number> {
  return await probeGate(String(agent.program.ready['gate']));
}

/**
 * Starts all of it. `work` is a line of shell that the prepare hook runs before it leaves its mark (`hasDrained`), in the
 * agent's folder.
 */
export async function startKillsRig(folder: string, work: string): Promise<KillsRig> {
  writeFileSync(
    path.join(folder, 'scheduler.yaml'),
    'listen: 127.0.0.1:0\naccess: { loopback: open }\nstore: { sqlite: ./scheduler.db }\n',
  );
  const scheduler = await startForewarn(['scheduler', '--config', path.join(folder, 'scheduler.yaml')]);
  const url = `http://${String(scheduler.ready['listen'])}`;
  const fleet = parseFleet({
    file: 'fleet.yaml',
    text: `control: 127.0.0.1:0
host: none
metadata: { requestsPerSecond: 0 } # the agents poll four times a second
impact: { rebootAtLeast: 200ms, lingerAfterImpact: 200ms }
availabilitySets: [{ name: set, updateDomains: 1, vms: [${VMS.map((name) => `{ name: ${name} }`).join(', ')}] }]`,
  });
  const emulator = await startEmulator({
    fleet,
    environment: {},
    programs: { node: process.execPath, forewarn: [] },
  });
  const agents: KillableAgent[] = [];
  for (const name of VMS) {
    const agentFolder = path.join(folder, name);
    const metadata = emulator.vms.find((vm) => vm.name === name)?.metadata ?? '';
    const config = writeAgent(agentFolder, { metadata, scheduler: url, work });
    const launch = async (): Promise<RunningProgram> => await startForewarn(['agent', '--config', config]);
    const agent: KillableAgent = {
      name,
      folder: agentFolder,
      program: await launch(),
      start: async () => {
        agent.program = await launch();
      },
    };
    agents.push(agent);
  }
  return {
    emulator,
    scheduler: url,
    agents,
    close: async () => {
      for (const agent of agents) await agent.program.stop('SIGKILL');
      await scheduler.stop('SIGKILL');
      await emulator.close();
    },
  };
}

/** The file that an agent's prepare hook leaves when it has done its work for the event. */
export function drainedMark(agent: KillableAgent, eventId: string): string {
  return path.join(agent.folder, `drained-${eventId}`);
}

function writeAgent(
  folder: string,
  { metadata, scheduler, work }: { readonly metadata: string; readonly scheduler: string; readonly work: string },
): string {
  mkdirSync(path.join(folder, 'hooks.d', 'prepare'), { recursive: true });
  const hook = `#!/bin/sh\ncd "${folder}"\n${work}\ntouch "drained-$FOREWARN_EVENT_ID"\n`;
  writeFileSync(path.join(folder, 'hooks.d', 'prepare', '10-finish'), hook, { mode: 0o755 });
  const config = path.join(folder, 'agent.yaml');
  writeFileSync(
    config,
    `metadata: { endpoint: "${metadata}", poll: 250ms }
identity: { scope: set }
state: ./state
socket: ./agent.sock
scheduler: { url: "${scheduler}" }
gate: { listen: "127.0.0.1:0", detection: 200ms }
hooks: { folder: ./hooks.d }
events: { absentFor: 1s }
`,
  );
  return config;
}

/** Probes the gates until `isOver`; tells of each that answers 200 to a request sent after `sinceMs()` (0: not yet). */
export async function watchGates(
  agents: readonly KillableAgent[],
  watch: { readonly isOver: () => boolean; readonly sinceMs: () => number; readonly opened: (name: string) => void },
): Promise<void> {
  const began = performance.now();
  await Promise.all(
    agents.map(async (agent) => {
      while (!watch.isOver() && performance.now() - began < ROUND_LIMIT_MS) {
        const askedMs = performance.now();
        const status = await probe(agent);
        const sinceMs = watch.sinceMs();
        if (status === 200 && sinceMs > 0 && askedMs > sinceMs && !watch.isOver()) watch.opened(agent.name);
        await sleep(PROBE_EVERY_MS);
      }
    }),
  );
}

export async function until(condition: () => Promise<boolean> | boolean, what: string): Promise<void> {
  const began = performance.now();
  while (!(await condition())) {
    if (performance.now() - began > ROUND_LIMIT_MS) throw new Error(`waited ${ROUND_LIMIT_MS} ms for: ${what}`);
    await sleep(PROBE_EVERY_MS);
  }
}
