import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom, type RandomSource } from '../../common/runtime/random.ts';
import { parseFleet } from '../../emulator/fleet/load-fleet.ts';
import { startEmulator, type Emulator } from '../../emulator/start-emulator.ts';
import { probeGate } from '../support/probe-gate.ts';
import { startForewarn, type RunningProgram } from '../support/program.ts';

export interface KillsResult {
  readonly rounds: number;
  readonly kills: number;
  /** Events that the agents approved before NotBefore. */
  readonly approved: number;
  /** What must never be, one line each. */
  readonly violations: readonly string[];
}

const VMS = ['web1', 'web2', 'web3'] as const;
/** An agent that was killed comes back within this; its event then still has most of its notice. */
const LONGEST_ABSENCE_MS = 2000;
const NOTICE_MS = 60_000;
/** A fleet without trouble has approved by then; kills come at any moment before. */
const DELICATE_MS = 3000;
const ROUND_LIMIT_MS = 90_000;
const PROBE_EVERY_MS = 20;

/**
 * Real agents, a real scheduler, real kills: in each round an event names all VMs, and agents are killed with SIGKILL at
 * random moments between its appearance and its approval, some of them losing their journal. Checked from outside: when the
 * approval comes every VM has finished its drain, and until the event is gone no gate lets traffic in.
 */
export async function killAtRandom(options: {
  readonly seed: number;
  readonly rounds: number;
  report(line: string): void;
}): Promise<KillsResult> {
  const random = seededRandom(options.seed);
  const folder = mkdtempSync(path.join(tmpdir(), 'forewarn-kills-'));
  const rig = await startRig(folder);
  const totals = { kills: 0, approved: 0, violations: [] as string[] };
  try {
    for (let round = 1; round <= options.rounds; round++) {
      const outcome = await playRound(rig, random);
      totals.kills += outcome.kills;
      totals.approved += outcome.isApproved ? 1 : 0;
      totals.violations.push(...outcome.violations.map((violation) => `round ${round}: ${violation}`));
      options.report(
        `kills: round ${round} of ${options.rounds} (seed ${options.seed}): ${outcome.kills} kills, ` +
          `${outcome.isApproved ? `approved after ${(outcome.tookMs / 1000).toFixed(1)} s` : 'not approved'}, ` +
          `${outcome.violations.length} violations`,
      );
      if (totals.violations.length > 0) break;
    }
    return { rounds: options.rounds, ...totals };
  } finally {
    await rig.close();
    if (totals.violations.length === 0) rmSync(folder, { recursive: true, force: true });
    else options.report(`kept: ${folder}`);
  }
}

interface Agent {
  readonly name: string;
  readonly folder: string;
  program: RunningProgram;
  start(): Promise<void>;
}

const probe = async (agent: Agent): Promise<number> => await probeGate(String(agent.program.ready['gate']));

interface Rig {
  readonly emulator: Emulator;
  readonly agents: readonly Agent[];
  close(): Promise<void>;
}

async function startRig(folder: string): Promise<Rig> {
  writeFileSync(path.join(folder, 'scheduler.yaml'), 'listen: 127.0.0.1:0\nstore: { sqlite: ./scheduler.db }\n');
  const scheduler = await startForewarn(['scheduler', '--config', path.join(folder, 'scheduler.yaml')]);
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
  const agents: Agent[] = [];
  for (const name of VMS) {
    const agentFolder = path.join(folder, name);
    const metadata = emulator.vms.find((vm) => vm.name === name)?.metadata ?? '';
    const config = writeAgent(agentFolder, metadata, String(scheduler.ready['listen']));
    const launch = async (): Promise<RunningProgram> => await startForewarn(['agent', '--config', config]);
    const agent: Agent = {
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
    agents,
    close: async () => {
      for (const agent of agents) await agent.program.stop('SIGKILL');
      await scheduler.stop('SIGKILL');
      await emulator.close();
    },
  };
}

function writeAgent(folder: string, metadata: string, scheduler: string): string {
  mkdirSync(path.join(folder, 'hooks.d', 'prepare'), { recursive: true });
  const hook = `#!/bin/sh\nsleep 0.3\ntouch "${folder}/drained-$FOREWARN_EVENT_ID"\n`;
  writeFileSync(path.join(folder, 'hooks.d', 'prepare', '10-finish'), hook, { mode: 0o755 });
  const config = path.join(folder, 'agent.yaml');
  writeFileSync(
    config,
    `metadata: { endpoint: "${metadata}", poll: 250ms }
identity: { scope: set }
state: ./state
socket: ./agent.sock
scheduler: { url: "http://${scheduler}" }
gate: { listen: "127.0.0.1:0", detection: 200ms }
hooks: { folder: ./hooks.d }
events: { absentFor: 1s }
`,
  );
  return config;
}

interface RoundOutcome {
  readonly kills: number;
  readonly isApproved: boolean;
  readonly tookMs: number;
  readonly violations: readonly string[];
}

async function playRound(rig: Rig, random: RandomSource): Promise<RoundOutcome> {
  const { emulator, agents } = rig;
  await until(async () => (await Promise.all(agents.map(probe))).every((status) => status === 200), 'every gate open');
  const violations: string[] = [];
  const began = performance.now();
  const life = { approvedMs: 0, isGone: false };
  const { eventId } = emulator.operations.schedule({ type: 'Reboot', resources: [...VMS], noticeMs: NOTICE_MS });
  const unsubscribe = emulator.feed.subscribe((activity) => {
    if (activity.eventId !== eventId) return;
    if (activity.kind === 'event.approved' && life.approvedMs === 0) {
      life.approvedMs = performance.now();
      for (const agent of agents)
        if (!existsSync(path.join(agent.folder, `drained-${eventId}`)))
          violations.push(`approved before ${agent.name} had drained`);
    }
    if (activity.kind === 'event.gone') life.isGone = true;
  });
  const watching = agents.map(async (agent) => {
    while (!life.isGone && performance.now() - began < ROUND_LIMIT_MS) {
      const askedMs = performance.now();
      const status = await probe(agent);
      const isAfter = life.approvedMs > 0 && askedMs > life.approvedMs && !life.isGone;
      if (status === 200 && isAfter) violations.push(`the gate of ${agent.name} was open after the approval`);
      await sleep(PROBE_EVERY_MS);
    }
  });
  let kills = 0;
  const planned = 1 + Math.floor(random.fraction() * 3);
  for (let index = 0; index < planned; index++) {
    const agent = agents[Math.floor(random.fraction() * agents.length)];
    const losesJournal = random.fraction() < 0.3;
    await sleep((random.fraction() * DELICATE_MS) / planned);
    if (agent === undefined || life.approvedMs > 0) break;
    await agent.program.stop('SIGKILL');
    kills += 1;
    if (losesJournal) rmSync(path.join(agent.folder, 'state'), { recursive: true, force: true });
    await sleep(random.fraction() * LONGEST_ABSENCE_MS);
    await agent.start();
  }
  await Promise.all(watching);
  unsubscribe();
  if (!life.isGone) violations.push(`the event was still there after ${ROUND_LIMIT_MS} ms`);
  const isApproved = life.approvedMs > 0;
  if (!isApproved) violations.push('never approved although every agent came back');
  return { kills, isApproved, tookMs: life.approvedMs - began, violations };
}

async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const began = performance.now();
  while (!(await condition())) {
    if (performance.now() - began > ROUND_LIMIT_MS) throw new Error(`waited ${ROUND_LIMIT_MS} ms for: ${what}`);
    await sleep(PROBE_EVERY_MS);
  }
}
