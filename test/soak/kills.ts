import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom, type RandomSource } from '../../common/runtime/random.ts';
import {
  drainedMark,
  probe,
  ROUND_LIMIT_MS,
  startKillsRig,
  until,
  VMS,
  watchGates,
  type KillsRig,
} from './kills-rig.ts';

export interface KillsResult {
  readonly rounds: number;
  readonly kills: number;
  /** Events that the agents approved before NotBefore. */
  readonly approved: number;
  /** What must never be, one line each. */
  readonly violations: readonly string[];
}

/** An agent that was killed comes back within this; its event then still has most of its notice. */
const LONGEST_ABSENCE_MS = 2000;
const NOTICE_MS = 60_000;
/** A fleet without trouble has approved by then; kills come at any moment before. */
const DELICATE_MS = 3000;

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
  const rig = await startKillsRig(folder, 'sleep 0.3');
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

interface RoundOutcome {
  readonly kills: number;
  readonly isApproved: boolean;
  readonly tookMs: number;
  readonly violations: readonly string[];
}

async function playRound(rig: KillsRig, random: RandomSource): Promise<RoundOutcome> {
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
        if (!existsSync(drainedMark(agent, eventId))) violations.push(`approved before ${agent.name} had drained`);
    }
    if (activity.kind === 'event.gone') life.isGone = true;
  });
  const watching = watchGates(agents, {
    isOver: () => life.isGone,
    sinceMs: () => life.approvedMs,
    opened: (name) => violations.push(`the gate of ${name} was open after the approval`),
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
  await watching;
  unsubscribe();
  if (!life.isGone) violations.push(`the event was still there after ${ROUND_LIMIT_MS} ms`);
  const isApproved = life.approvedMs > 0;
  if (!isApproved) violations.push('never approved although every agent came back');
  return { kills, isApproved, tookMs: life.approvedMs - began, violations };
}
