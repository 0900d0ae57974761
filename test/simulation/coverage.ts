import type { CampaignSummary } from './campaign.ts';
import { FAULT_KINDS, MODES, type Mode } from './faults.ts';

/**
 * Share of the events that must have been approved early, so that nothing passes because nothing happens. In silent runs only
 * those that name one VM can be.
 */
const APPROVED: Readonly<Record<Mode, number>> = { safety: 0.6, liveness: 0.9, calm: 1, silent: 0.2, policies: 0.6 };

/** Share of the runs in which another VM must have taken over an open intent, where leaders can be lost. */
const TAKEN_OVER: Readonly<Partial<Record<Mode, number>>> = { safety: 0.01, liveness: 0.01 };

/** Fewer seeds of a mode may have missed by chance what is rare. */
const MEANINGFUL = 1000;

/** Why a campaign proves less than it should, for people; nothing when it was thorough. */
export function gapsOf(sum: CampaignSummary): readonly string[] {
  const gaps: string[] = [];
  if (sum.seeds < MEANINGFUL) return gaps;
  const approved = sum.approved / sum.events;
  if (approved < APPROVED[sum.mode])
    gaps.push(
      `${sum.mode}: ${percent(approved)} of the events approved early, expected ${percent(APPROVED[sum.mode])}`,
    );
  const wanted = TAKEN_OVER[sum.mode] ?? 0;
  const takenOver = sum.takeovers / sum.seeds;
  if (takenOver < wanted)
    gaps.push(`${sum.mode}: an intent taken over in ${percent(takenOver)} of the runs, expected ${percent(wanted)}`);
  if (sum.mode === 'calm' && sum.posts !== sum.events)
    gaps.push(`calm: ${sum.posts} approvals for ${sum.events} events, expected one for each`);
  return gaps;
}

/** Kinds of fault that never happened; where not all modes ran, nobody expects them. */
export function missingFaults(sums: readonly CampaignSummary[]): readonly string[] {
  const isWhole = MODES.every((mode) => sums.some((sum) => sum.mode === mode && sum.seeds >= MEANINGFUL));
  return isWhole ? FAULT_KINDS.filter((kind) => sums.every(({ fired }) => fired[kind] === undefined)) : [];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
