import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../common/runtime/random.ts';
import { rolloutOf } from '../../scheduler/rollout.ts';
import { freePort } from '../support/free-port.ts';
import { startForewarn, type RunningProgram } from '../support/program.ts';
import { apiOf, SHOP, type Body } from '../support/scheduler-api.ts';
import { FleetAgent, type AgentOrder } from './fleet-agent.ts';

export interface FleetKillsOptions {
  readonly seed: number;
  readonly kills: number;
  /** Address of the database. */
  readonly url: string;
  readonly replicas: number;
  report(line: string): void;
}

export interface FleetKillsResult {
  readonly kills: number;
  readonly rollouts: number;
  /** Rollouts that more than one replica had its hand in. */
  readonly takenOver: number;
  /** Orders that reached an agent over a replica. */
  readonly orders: number;
  readonly mostOut: number;
  /** What must never be, one line each. */
  readonly violations: readonly string[];
}

const AGENTS = 9;
const BUDGET = 2;
/** Longest life between two kills: a takeover takes 16 s, and some are to be interrupted by the next kill. */
const LIFE_MS = 12_000;
/** Longest that one is frozen: beyond its lease of 12 s. */
const FROZEN_MS = 24_000;
/** Of what is under way after the last kill. */
const ENDED_WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 100;

interface RolloutView {
  readonly id: string;
  readonly status: string;
  readonly attempt: number;
  readonly summary: string;
}

/**
 * Replicas of a real scheduler, killed or frozen at random moments while two fleet jobs with one budget roll over agents that
 * are connected to all of them. The agents' own ledger is the witness: never more out than the budget says, and nobody is
 * given an order of an attempt after one of a later attempt.
 */
export async function killFleetReplicas(options: FleetKillsOptions): Promise<FleetKillsResult> {
  const random = seededRandom(options.seed);
  const folder = mkdtempSync(path.join(tmpdir(), 'forewarn-fleet-kills-'));
  const ports = await Promise.all(Array.from({ length: options.replicas }, async () => await freePort()));
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  const config = path.join(folder, 'scheduler.yaml');
  writeFileSync(
    config,
    `access: { loopback: open }\nlisten: "127.0.0.1:\${PORT}"\nstore: { postgres: { url: "${options.url}" } }\nreplica: { name: "\${NAME}" }\n`,
  );
  const start = async (index: number): Promise<RunningProgram> =>
    await startForewarn(['scheduler', '--config', config], { NAME: `r${index}`, PORT: `${ports[index] ?? 0}` });
  const running: RunningProgram[] = [];
  for (let index = 0; index < options.replicas; index++) running.push(await start(index));

  const ledger = openLedger();
  const agents = Array.from(
    { length: AGENTS },
    (_none, index) => new FleetAgent(`Web_${index}`, { urls, first: index, random, obeyed: ledger.obeyed }),
  );
  ledger.watch(agents);
  const conversing = agents.map(async (agent) => await agent.run());
  const stopping = new AbortController();
  const starting = keepStarting(urls, stopping.signal);
  try {
    for (let kill = 1; kill <= options.kills; kill++) {
      await sleep(random.fraction() * LIFE_MS);
      const index = Math.floor(random.fraction() * running.length);
      const program = running[index];
      // One in three is frozen, for less or more than its lease.
      const isFrozen = random.fraction() < 1 / 3;
      if (program !== undefined && isFrozen) {
        program.child.kill('SIGSTOP');
        await sleep(random.fraction() * FROZEN_MS);
        program.child.kill('SIGCONT');
      } else {
        await program?.stop('SIGKILL');
        running[index] = await start(index);
      }
      options.report(
        `${isFrozen ? 'freeze' : 'kill'} ${kill} of ${options.kills} (r${index}): ${ledger.orders()} orders, at most ${ledger.mostOut()} out`,
      );
    }
    stopping.abort();
    await starting;
    const rollouts = await untilEnded(urls);
    return {
      kills: options.kills,
      rollouts: rollouts.length,
      takenOver: rollouts.filter(({ attempt }) => attempt > 1).length,
      orders: ledger.orders(),
      mostOut: ledger.mostOut(),
      violations: [
        ...ledger.violations(),
        ...rollouts
          .filter(({ status }) => status !== 'completed')
          .map(({ id, status, summary }) => `rollout ${id} is ${status}: ${summary}`),
      ],
    };
  } finally {
    stopping.abort();
    for (const agent of agents) agent.close();
    await Promise.all([starting, ...conversing]);
    for (const program of running) await program.stop('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

function openLedger() {
  const newest = new Map<string, number>();
  const violations: string[] = [];
  let agents: readonly FleetAgent[] = [];
  let orders = 0;
  let mostOut = 0;
  return {
    watch: (all: readonly FleetAgent[]): void => {
      agents = all;
    },
    obeyed: (name: string, order: AgentOrder): void => {
      orders += 1;
      const rollout = rolloutOf(order.workId);
      const attempt = newest.get(order.workId) ?? 0;
      if (order.attempt < attempt)
        violations.push(
          `${name} was told to ${order.kind} under attempt ${order.attempt} of ${rollout} after ${attempt}`,
        );
      newest.set(order.workId, Math.max(attempt, order.attempt));
      if (order.kind !== 'drain') return;
      const out = agents.filter((agent) => agent.isOut || agent.name === name).map((agent) => agent.name);
      mostOut = Math.max(mostOut, out.length);
      if (out.length > BUDGET) violations.push(`${out.join(', ')} are out together, for rollout ${rollout}`);
    },
    orders: () => orders,
    mostOut: () => mostOut,
    violations: () => violations,
  };
}

/** Starts each of two jobs again whenever its last rollout is over; they overlap, and share the budget. */
async function keepStarting(urls: readonly string[], signal: AbortSignal): Promise<void> {
  const jobs: Readonly<Record<string, Body>> = {
    all: { selector: { role: 'FrontEnd' } },
    some: { selector: { names: ['Web_1', 'Web_4', 'Web_7', 'Web_8'] } },
  };
  const made = new Set<string>();
  for (let turn = 0; !signal.aborted; turn++) {
    const url = urls[turn % urls.length] ?? '';
    try {
      const { call } = apiOf(url);
      const under = (await rolloutsAt(url)).filter(({ status }) => status === 'running').length;
      for (const [name, fleet] of Object.entries(jobs)) {
        if (made.has(name)) continue;
        await call('put', SHOP, { properties: { sku: { name: 'Standard' } } });
        const action = { type: 'Fleet', fleet: { task: 'step', maxUnavailable: BUDGET, timeoutSeconds: 60, ...fleet } };
        // Due once, far in the future: each run is by hand.
        const body = { properties: { startTime: '2027-11-01T00:00:00Z', action } };
        if (await allKnown(url)) {
          const { status } = await call('put', `${SHOP}/jobs/${name}`, body);
          if (status < 300) made.add(name);
        }
      }
      if (under === 0) for (const name of made) await call('post', `${SHOP}/jobs/${name}/run`);
    } catch {
      // It was killed just now.
    }
    await sleep(LOOK_EVERY_MS * 3);
  }
}

async function allKnown(url: string): Promise<boolean> {
  const { value } = (await (await fetch(`${url}/forewarn/v1/vms`)).json()) as { value: unknown[] };
  return value.length === AGENTS;
}

async function rolloutsAt(url: string): Promise<readonly RolloutView[]> {
  return ((await (await fetch(`${url}/forewarn/v1/rollouts`)).json()) as { value: RolloutView[] }).value;
}

async function untilEnded(urls: readonly string[]): Promise<readonly RolloutView[]> {
  const deadlineMs = performance.now() + ENDED_WITHIN_MS;
  for (;;) {
    const rollouts = await rolloutsAt(urls[0] ?? '');
    if (rollouts.every(({ status }) => status !== 'running') || performance.now() > deadlineMs) return rollouts;
    await sleep(LOOK_EVERY_MS);
  }
}
