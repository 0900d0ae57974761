import type { RandomSource } from '../../common/runtime/random.ts';

/**
 * What goes wrong in one run. Probabilities are per occasion (a request, an answer, a drain), counts are per run.
 * `healsAtMs` is when everything stops going wrong, before which the VMs must have come to an end to be held to it.
 */
export interface Faults {
  readonly crashes: number;
  readonly pauses: number;
  readonly partitions: number;
  readonly coordinatorOutages: number;
  readonly coordinatorDead: boolean;
  readonly metadataErrors: number;
  readonly metadataOutages: number;
  readonly emptyDocuments: number;
  readonly lostAnswers: number;
  readonly latePosts: number;
  readonly failedDrains: number;
  readonly failedHooks: number;
  readonly failedWrites: number;
  readonly lostJournals: number;
  /** Not a fault, but in the way: drains that the scheduler asks for. */
  readonly maintenances: number;
  /** Not faults either: what operators chose, and a VM that one of them keeps in service. */
  readonly hasPolicies: boolean;
  readonly withdrawals: number;
  /** Events that an operator has approved although not everybody has promised. */
  readonly forces: number;
  /** Wall clocks that are set wrong by up to an hour. */
  readonly clockJumps: number;
  readonly isCancelled: boolean;
  readonly grows: boolean;
  readonly healsAtMs: number;
}

export const NO_FAULTS: Faults = {
  crashes: 0,
  pauses: 0,
  partitions: 0,
  coordinatorOutages: 0,
  coordinatorDead: false,
  metadataErrors: 0,
  metadataOutages: 0,
  emptyDocuments: 0,
  lostAnswers: 0,
  latePosts: 0,
  failedDrains: 0,
  failedHooks: 0,
  failedWrites: 0,
  lostJournals: 0,
  maintenances: 0,
  hasPolicies: false,
  withdrawals: 0,
  forces: 0,
  clockJumps: 0,
  isCancelled: false,
  grows: false,
  healsAtMs: 0,
};

/**
 * safety: anything at any time; only "nothing bad happens" is checked. liveness: everything heals 50 s before NotBefore; then
 * it must also come to a good end. calm: nothing goes wrong. silent: the coordinator is never there. policies: as safety, and
 * every VM's operator has other ideas about events; clocks are set wrong too.
 */
export const MODES = ['safety', 'liveness', 'calm', 'silent', 'policies'] as const;
export type Mode = (typeof MODES)[number];

/** The faults of one run. Each kind is present in about half of the runs, so that their combinations differ. */
export function drawFaults(mode: Mode, random: RandomSource, healsAtMs: number): Faults {
  if (mode === 'calm') return NO_FAULTS;
  if (mode === 'silent') return { ...NO_FAULTS, coordinatorDead: true, healsAtMs: Number.POSITIVE_INFINITY };
  const maybe = (value: number): number => (random.fraction() < 0.5 ? value : 0);
  const count = (most: number): number => Math.floor(maybe(1) * random.fraction() * (most + 1));
  const isUnbounded = mode === 'safety' || mode === 'policies';
  return {
    crashes: count(4),
    pauses: count(3),
    partitions: count(3),
    coordinatorOutages: count(2),
    coordinatorDead: false,
    metadataErrors: maybe(0.1),
    metadataOutages: count(3),
    emptyDocuments: count(2),
    lostAnswers: maybe(0.15),
    latePosts: maybe(0.5),
    failedDrains: maybe(0.15),
    failedHooks: maybe(0.1),
    failedWrites: maybe(0.05),
    lostJournals: maybe(0.3),
    maintenances: count(2),
    hasPolicies: mode === 'policies',
    withdrawals: mode === 'policies' ? count(1) : 0,
    forces: isUnbounded && random.fraction() < 0.1 ? 1 : 0,
    clockJumps: mode === 'policies' ? count(2) : 0,
    isCancelled: isUnbounded && random.fraction() < 0.1,
    grows: isUnbounded && random.fraction() < 0.12,
    healsAtMs: mode === 'liveness' ? healsAtMs : Number.POSITIVE_INFINITY,
  };
}
