import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { seededRandom, type RandomSource } from '../../common/runtime/random.ts';
import {
  drainedMark,
  probe,
  ROUND_LIMIT_MS,
  startKillsRig,
  until,
  VMS,
  watchGates,
  type KillableAgent,
  type KillsRig,
} from './kills-rig.ts';

export interface LeaderKillsResult {
  readonly rounds: number;
  readonly kills: number;
  readonly approved: number;
  /** From a leader's death until another VM led; where the dead one's approval had not arrived. */
  readonly takeoversMs: readonly number[];
  readonly violations: readonly string[];
}

/** Enough that 60 s are left whenever the leader is killed. */
const NOTICE_MS = 85_000;
const NOTICE_LEFT_MS = 60_000;
/** Lease, the pause of a candidate with its place in the queue, and what a busy machine adds. */
const TAKEOVER_WITHIN_MS = 20_000;
/** Who drains last has drained by then, so a leader that waits for the others is there to be killed. */
const LONGEST_DRAIN_MS = 4000;

/**
 * Real agents, a real scheduler; in each round an event names all VMs, whose drains take differently long, and whoever leads is
 * killed with SIGKILL at a random moment between winning the lease and approving, now and then its successor too. The dead
 * stay dead until the event is approved. Checked from outside: another VM leads within 20 s, approves before NotBefore, and
 * never before every VM has drained; no gate lets traffic in until the event is gone.
 */
export async function killLeaders(options: {
  readonly seed: number;
  readonly rounds: number;
  report(line: string): void;
}): Promise<LeaderKillsResult> {
  const random = seededRandom(options.seed);
  const folder = mkdtempSync(path.join(tmpdir(), 'forewarn-leader-kills-'));
  const rig = await startKillsRig(folder, 'sleep "$(cat drain-seconds)"');
  const watch = await watchLeaders(rig.scheduler);
  const totals = { kills: 0, approved: 0, takeoversMs: [] as number[], violations: [] as string[] };
  try {
    for (let round = 1; round <= options.rounds; round++) {
      const outcome = await playRound(rig, watch, random);
      totals.kills += outcome.kills.length;
      totals.approved += outcome.isApproved ? 1 : 0;
      totals.takeoversMs.push(...outcome.takeoversMs);
      totals.violations.push(...outcome.violations.map((violation) => `round ${round}: ${violation}`));
      const takeovers = outcome.takeoversMs.map((ms) => `${(ms / 1000).toFixed(1)} s`).join(', ');
      options.report(
        `leader kills: round ${round} of ${options.rounds} (seed ${options.seed}): killed ${outcome.kills.join(', ') || 'nobody'}; ` +
          `taken over after ${takeovers === '' ? 'nothing: the approval was out' : takeovers}; ` +
          `${outcome.isApproved ? `approved after ${(outcome.tookMs / 1000).toFixed(1)} s` : 'not approved'}, ` +
          `${outcome.violations.length} violations`,
      );
      if (totals.violations.length > 0) break;
    }
    return { rounds: options.rounds, ...totals };
  } finally {
    watch.close();
    await rig.close();
    if (totals.violations.length === 0) rmSync(folder, { recursive: true, force: true });
    else options.report(`kept: ${folder}`);
  }
}

interface Leaders {
  /** Who won the lease of the event last, and when; by `performance.now()`. */
  newest(eventId: string): { readonly name: string; readonly atMs: number } | undefined;
  /** Calls back at once when a leader records its intent. */
  onIntent(listener: ((eventId: string) => void) | undefined): void;
  close(): void;
}

/** The timeline of the scheduler, as `forewarn events --watch` shows it. */
async function watchLeaders(scheduler: string): Promise<Leaders> {
  const socket = new WebSocket(`${scheduler.replace('http', 'ws')}/forewarn/v1/watch`);
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  const newest = new Map<string, { readonly name: string; readonly atMs: number }>();
  let intended: ((eventId: string) => void) | undefined;
  socket.on('message', (data: Buffer) => {
    const entry = JSON.parse(data.toString()) as { kind: string; vm?: string; eventId?: string };
    const { eventId, vm } = entry;
    if (eventId === undefined) return;
    if (entry.kind === 'lease.won' && vm !== undefined) newest.set(eventId, { name: vm, atMs: performance.now() });
    if (entry.kind === 'agreement.intent') intended?.(eventId);
  });
  return {
    newest: (eventId) => newest.get(eventId),
    onIntent: (listener) => {
      intended = listener;
    },
    close: () => {
      socket.terminate();
    },
  };
}

interface RoundOutcome {
  readonly kills: readonly string[];
  readonly isApproved: boolean;
  readonly tookMs: number;
  readonly takeoversMs: readonly number[];
  readonly violations: readonly string[];
}

async function playRound(rig: KillsRig, leaders: Leaders, random: RandomSource): Promise<RoundOutcome> {
  const { emulator, agents } = rig;
  await until(async () => (await Promise.all(agents.map(probe))).every((status) => status === 200), 'every gate open');
  const longestMs = planDrains(agents, random);
  const violations: string[] = [];
  const began = performance.now();
  const life = { approvedMs: 0, isGone: false };
  const { eventId } = emulator.operations.schedule({ type: 'Reboot', resources: [...VMS], noticeMs: NOTICE_MS });
  const unsubscribe = emulator.feed.subscribe((activity) => {
    if (activity.eventId !== eventId) return;
    if (activity.kind === 'event.approved' && life.approvedMs === 0) {
      life.approvedMs = performance.now();
      for (const agent of agents)
        if (!existsSync(drainedMark(agent, eventId))) violations.push(`approved before ${agent.name} had drained`);
    }
    if (activity.kind === 'event.gone') life.isGone = true;
  });
  const watching = watchGates(agents, {
    isOver: () => life.isGone,
    sinceMs: () => life.approvedMs,
    opened: (name) => violations.push(`the gate of ${name} was open after the approval`),
  });
  const round = { rig, leaders, random, eventId, began, life, longestMs };
  const { dead, takeoversMs } = await killSome(round, violations);
  await until(() => life.approvedMs > 0 || performance.now() - began > NOTICE_MS, 'the approval');
  const isApproved = life.approvedMs > 0 && life.approvedMs - began < NOTICE_MS;
  if (!isApproved) violations.push('not approved before NotBefore');
  for (const agent of dead) await agent.start();
  await watching;
  unsubscribe();
  if (!life.isGone) violations.push(`the event was still there after ${ROUND_LIMIT_MS} ms`);
  const kills = dead.map((agent) => agent.name);
  return { kills, isApproved, tookMs: life.approvedMs - began, takeoversMs, violations };
}

/** The first VMs drain quickly, so that they lead while the last one keeps them from approving for a while. */
function planDrains(agents: readonly KillableAgent[], random: RandomSource): number {
  let longestMs = 0;
  for (const agent of agents) {
    const ms = 100 + Math.round(random.fraction() * LONGEST_DRAIN_MS);
    longestMs = Math.max(longestMs, ms);
    writeFileSync(path.join(agent.folder, 'drain-seconds'), `${(ms / 1000).toFixed(2)}\n`);
  }
  return longestMs;
}

interface Round {
  readonly rig: KillsRig;
  readonly leaders: Leaders;
  readonly random: RandomSource;
  readonly eventId: string;
  readonly began: number;
  readonly life: { readonly approvedMs: number };
  readonly longestMs: number;
}

/** Kills the leader, and now and then the next one too. Whoever leads has itself promised: the others can go ahead without it. */
async function killSome(
  round: Round,
  violations: string[],
): Promise<{ readonly dead: readonly KillableAgent[]; readonly takeoversMs: readonly number[] }> {
  const { leaders, eventId, random, life } = round;
  const dead: KillableAgent[] = [];
  const takeoversMs: number[] = [];
  const kills = random.fraction() < 0.3 ? 2 : 1;
  const leads = (): boolean => {
    const newest = leaders.newest(eventId);
    return newest !== undefined && !dead.some((agent) => agent.name === newest.name);
  };
  while (dead.length < kills) {
    await until(() => leads() || life.approvedMs > 0, 'a leader');
    if (!leads()) break;
    const leader = round.rig.agents.find((agent) => agent.name === leaders.newest(eventId)?.name);
    if (leader === undefined) break;
    await untilDeathly(round);
    // What matters is who leads when it is killed; the one chosen may have been an older one.
    const killedAtMs = await kill(leader);
    const noticeLeftMs = NOTICE_MS - (killedAtMs - round.began);
    if (noticeLeftMs < NOTICE_LEFT_MS && dead.length === 0)
      violations.push('the notice was too short to test anything');
    dead.push(leader);
    await until(() => leads() || life.approvedMs > 0, 'another leader');
    const next = leaders.newest(eventId);
    if (next === undefined || !leads()) break;
    const tookMs = next.atMs - killedAtMs;
    takeoversMs.push(tookMs);
    if (tookMs > TAKEOVER_WITHIN_MS) violations.push(`taken over after ${(tookMs / 1000).toFixed(1)} s only`);
  }
  return { dead, takeoversMs };
}

async function kill(agent: KillableAgent): Promise<number> {
  const atMs = performance.now();
  await agent.program.stop('SIGKILL');
  return atMs;
}

/** A moment for the leader to die at: anywhere until all have drained, or right after it has recorded its intent. */
async function untilDeathly({ leaders, random, eventId, longestMs, began }: Round): Promise<void> {
  const restMs = Math.max(0, longestMs + 800 - (performance.now() - began));
  if (random.fraction() < 0.5) {
    await sleep(random.fraction() * restMs);
    return;
  }
  // An approval takes some milliseconds from here; two thirds of the deaths come before it is out.
  const delayMs = random.fraction() * 15;
  await new Promise<void>((resolve) => {
    const deadline = setTimeout(resolve, restMs + 3000);
    leaders.onIntent((id) => {
      if (id !== eventId) return;
      clearTimeout(deadline);
      setTimeout(resolve, delayMs);
    });
  });
  leaders.onIntent(undefined);
}
