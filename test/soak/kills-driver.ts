import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
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
  /** From a leader's death until another VM led; where the dead one's approval had not arrived. */
  readonly takeoversMs: readonly number[];
  /** What must never be, one line each. */
  readonly violations: readonly string[];
}

export interface KillsOptions {
  readonly seed: number;
  readonly rounds: number;
  report(line: string): void;
}

/** How agents are killed in one kind of soak. */
export interface KindOfKills {
  readonly name: string;
  /** A line of shell: what the drain of a VM takes. */
  readonly work: string;
  /** Of each event. */
  readonly noticeMs: number;
  /** Before the event of a round is announced. */
  readonly prepare?: (rig: KillsRig, random: RandomSource) => Promise<void>;
  /** While it goes on: kills, and starts what it has killed again, now or in `revive`. */
  play(round: Round): Promise<Played>;
}

/** The event of a round, as it is now. */
export interface Round {
  readonly rig: KillsRig;
  readonly random: RandomSource;
  readonly eventId: string;
  /** By `performance.now()`. */
  readonly beganMs: number;
  readonly isApproved: () => boolean;
  /** Something that must never happen has. */
  readonly violation: (line: string) => void;
}

export interface Played {
  /** Names of the VMs whose agents were killed. */
  readonly killed: readonly string[];
  readonly takeoversMs?: readonly number[];
  /** Starts those that are still dead; called once the event is approved, or should have been. */
  readonly revive?: () => Promise<void>;
}

/**
 * Real agents, a real scheduler, real kills: in each round an event names all VMs, and agents are killed with SIGKILL as `kind`
 * says. Checked from outside: the event is approved before NotBefore, never before every VM has finished its drain, and until it
 * is gone no gate lets traffic in.
 */
export async function playKills(kind: KindOfKills, options: KillsOptions): Promise<KillsResult> {
  const random = seededRandom(options.seed);
  const folder = mkdtempSync(path.join(tmpdir(), `forewarn-${kind.name.replace(' ', '-')}-`));
  const rig = await startKillsRig(folder, kind.work);
  const totals = { kills: 0, approved: 0, takeoversMs: [] as number[], violations: [] as string[] };
  try {
    for (let round = 1; round <= options.rounds; round++) {
      const outcome = await playRound(kind, rig, random);
      totals.kills += outcome.killed.length;
      totals.approved += outcome.approvedAfterMs === undefined ? 0 : 1;
      totals.takeoversMs.push(...outcome.takeoversMs);
      totals.violations.push(...outcome.violations.map((violation) => `round ${round}: ${violation}`));
      options.report(`${kind.name}: round ${round} of ${options.rounds} (seed ${options.seed}): ${describe(outcome)}`);
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
  readonly killed: readonly string[];
  /** Undefined: not before NotBefore. */
  readonly approvedAfterMs: number | undefined;
  readonly takeoversMs: readonly number[];
  readonly violations: readonly string[];
}

async function playRound(kind: KindOfKills, rig: KillsRig, random: RandomSource): Promise<RoundOutcome> {
  const { emulator, agents } = rig;
  await until(async () => (await Promise.all(agents.map(probe))).every((status) => status === 200), 'every gate open');
  await kind.prepare?.(rig, random);
  const violations: string[] = [];
  const beganMs = performance.now();
  const life = { approvedMs: 0, isGone: false };
  const { eventId } = emulator.operations.schedule({ type: 'Reboot', resources: [...VMS], noticeMs: kind.noticeMs });
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
  const isApproved = (): boolean => life.approvedMs > 0;
  const violation = (line: string): void => void violations.push(line);
  const {
    killed,
    takeoversMs = [],
    revive,
  } = await kind.play({ rig, random, eventId, beganMs, isApproved, violation });
  await until(() => isApproved() || performance.now() - beganMs > kind.noticeMs, 'the approval');
  const tookMs = life.approvedMs - beganMs;
  const approvedAfterMs = isApproved() && tookMs < kind.noticeMs ? tookMs : undefined;
  if (approvedAfterMs === undefined) violations.push('not approved before NotBefore');
  await revive?.();
  await watching;
  unsubscribe();
  if (!life.isGone) violations.push(`the event was still there after ${ROUND_LIMIT_MS} ms`);
  return { killed, approvedAfterMs, takeoversMs, violations };
}

function describe({ killed, approvedAfterMs, takeoversMs, violations }: RoundOutcome): string {
  const takeovers = takeoversMs.map((ms) => `${(ms / 1000).toFixed(1)} s`).join(', ');
  return [
    `killed ${killed.join(', ') || 'nobody'}`,
    ...(takeovers === '' ? [] : [`taken over after ${takeovers}`]),
    approvedAfterMs === undefined ? 'not approved' : `approved after ${(approvedAfterMs / 1000).toFixed(1)} s`,
    `${violations.length} violations`,
  ].join('; ');
}
