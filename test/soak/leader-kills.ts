import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { RandomSource } from '../../common/runtime/random.ts';
import { playKills, type KillsOptions, type KillsResult, type Played, type Round } from './kills-driver.ts';
import { until, type KillableAgent } from './kills-rig.ts';

/** Enough that 60 s are left whenever the leader is killed. */
const NOTICE_MS = 85_000;
const NOTICE_LEFT_MS = 60_000;
/** Lease, the pause of a candidate with its place in the queue, and what a busy machine adds. */
const TAKEOVER_WITHIN_MS = 20_000;
/** Who drains last has drained by then, so a leader that waits for the others is there to be killed. */
const LONGEST_DRAIN_MS = 4000;

/**
 * Kills whoever leads at a random moment between winning the lease and approving, now and then its successor too; the drains of
 * the VMs take differently long. The dead stay dead until the event is approved. Checked besides: another VM leads within 20 s.
 */
export async function killLeaders(options: KillsOptions): Promise<KillsResult> {
  let longestMs = 0;
  let leaders: Leaders | undefined;
  try {
    return await playKills(
      {
        name: 'leader kills',
        work: 'sleep "$(cat drain-seconds)"',
        noticeMs: NOTICE_MS,
        prepare: async ({ agents, scheduler }, random) => {
          leaders ??= await watchLeaders(scheduler);
          longestMs = planDrains(agents, random);
        },
        play: async (round) => {
          if (leaders === undefined) throw new Error('nobody watches who leads');
          return await killSome({ ...round, leaders, longestMs });
        },
      },
      options,
    );
  } finally {
    leaders?.close();
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

interface LedRound extends Round {
  readonly leaders: Leaders;
  readonly longestMs: number;
}

/** Kills the leader, and now and then the next one too. Whoever leads has itself promised: the others can go ahead without it. */
async function killSome(round: LedRound): Promise<Played> {
  const { leaders, eventId, random, isApproved, violation } = round;
  const dead: KillableAgent[] = [];
  const takeoversMs: number[] = [];
  const kills = random.fraction() < 0.3 ? 2 : 1;
  const leads = (): boolean => {
    const newest = leaders.newest(eventId);
    return newest !== undefined && !dead.some((agent) => agent.name === newest.name);
  };
  while (dead.length < kills) {
    await until(() => leads() || isApproved(), 'a leader');
    if (!leads()) break;
    const leader = round.rig.agents.find((agent) => agent.name === leaders.newest(eventId)?.name);
    if (leader === undefined) break;
    await untilDeathly(round);
    // What matters is who leads when it is killed; the one chosen may have been an older one.
    const killedAtMs = performance.now();
    await leader.program.stop('SIGKILL');
    const noticeLeftMs = NOTICE_MS - (killedAtMs - round.beganMs);
    if (noticeLeftMs < NOTICE_LEFT_MS && dead.length === 0) violation('the notice was too short to test anything');
    dead.push(leader);
    await until(() => leads() || isApproved(), 'another leader');
    const next = leaders.newest(eventId);
    if (next === undefined || !leads()) break;
    const tookMs = next.atMs - killedAtMs;
    takeoversMs.push(tookMs);
    if (tookMs > TAKEOVER_WITHIN_MS) violation(`taken over after ${(tookMs / 1000).toFixed(1)} s only`);
  }
  return {
    killed: dead.map((agent) => agent.name),
    takeoversMs,
    revive: async () => {
      for (const agent of dead) await agent.start();
    },
  };
}

/** A moment for the leader to die at: anywhere until all have drained, or right after it has recorded its intent. */
async function untilDeathly({ leaders, random, eventId, longestMs, beganMs }: LedRound): Promise<void> {
  const restMs = Math.max(0, longestMs + 800 - (performance.now() - beganMs));
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
