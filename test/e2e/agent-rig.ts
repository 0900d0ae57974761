import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { requestJson } from '../../common/runtime/http-json.ts';
import { parseFleet } from '../../emulator/fleet/load-fleet.ts';
import { startEmulator, type Emulator } from '../../emulator/start-emulator.ts';
import type { AgentStatus } from '../../agent/status/status.ts';
import { probeGate } from '../support/probe-gate.ts';
import { startForewarn, type RunningProgram } from '../support/program.ts';

/** One agent as a process of its own, on a VM of an emulator in this process. */
export interface AgentRig {
  readonly folder: string;
  program: RunningProgram;
  /** What a probe of the health gate is told: its status, or 0 when nobody answers. */
  readonly gate: () => Promise<number>;
  status(): Promise<AgentStatus>;
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** An emulator of an availability set with the VMs `names`, whose impacts only pass time. */
export async function emulate(names: readonly string[]): Promise<Emulator> {
  const emulator = await startEmulator({
    fleet: parseFleet({
      file: 'fleet.yaml',
      text: `
control: 127.0.0.1:0
host: none
metadata: { requestsPerSecond: 0 } # the agents poll four times a second, so that the tests are short
impact: { rebootAtLeast: 300ms, lingerAfterImpact: 300ms }
availabilitySets: [{ name: set, updateDomains: 1, vms: [${names.map((name) => `{ name: ${name} }`).join(', ')}] }]
`,
    }),
    environment: {},
    programs: { node: process.execPath, forewarn: [] },
  });
  onTestFinished(async () => {
    await emulator.close();
  });
  return emulator;
}

/** Starts an agent; `extra` is more YAML for its settings. */
export async function startAgent(
  emulator: Emulator,
  name: string,
  options: { readonly folder: string; readonly extra?: string; readonly gate?: string },
): Promise<AgentRig> {
  const folder = path.join(options.folder, name);
  mkdirSync(path.join(folder, 'hooks.d', 'prepare'), { recursive: true });
  const metadata = emulator.vms.find((vm) => vm.name === name)?.metadata ?? '';
  // Long enough for a test to act in the middle of it; ends when the file `go` is there.
  writeFileSync(
    path.join(folder, 'hooks.d', 'prepare', '10-wait'),
    `#!/bin/sh\nwhile [ -d "${folder}" ] && [ ! -e "${folder}/go" ]; do sleep 0.05; done\n`,
    { mode: 0o755 },
  );
  const config = path.join(folder, 'agent.yaml');
  writeFileSync(
    config,
    `metadata: { endpoint: "${metadata}", poll: 250ms }
identity: { scope: set }
state: ./state
socket: ./agent.sock
gate: ${options.gate ?? '{ listen: "127.0.0.1:0", detection: 100ms }'}
hooks: { folder: ./hooks.d }
events: { absentFor: 1s }
${options.extra ?? ''}`,
  );
  const socket = { kind: 'socket', path: path.join(folder, 'agent.sock') } as const;
  const launch = async (): Promise<RunningProgram> => await startForewarn(['agent', '--config', config]);
  const rig: AgentRig = {
    folder,
    program: await launch(),
    gate: async () => await probeGate(String(rig.program.ready['gate'])),
    status: async () => {
      const answer = await requestJson(
        socket,
        { method: 'GET', path: '/status', timeoutMs: 3000 },
        { what: 'agent', option: '--socket' },
      );
      return answer.body as AgentStatus;
    },
    kill: async () => {
      await rig.program.stop('SIGKILL');
    },
    start: async () => {
      rig.program = await launch();
    },
  };
  onTestFinished(async () => {
    await rig.program.stop('SIGKILL');
  });
  return rig;
}

/** Lets the prepare hook of an agent end. */
export function letGo(rig: AgentRig): void {
  writeFileSync(path.join(rig.folder, 'go'), '');
}
