import type { RandomSource } from '../../common/runtime/random.ts';

/** Everything that can go wrong, or be in the way. Each is counted when it happens; a campaign has seen all of them. */
export const FAULT_KINDS = [
  'crash',
  'crash for ever',
  'leader lost in its intent',
  'pause',
  'partition',
  'coordinator outage',
  'metadata error',
  'metadata outage',
  'empty documents',
  'documents begin again',
  'metadata behind',
  'journal lost',
  'command lost',
  'answer lost',
  'answer late',
  'command late',
  'approval late',
  'approval unanswered',
  'drain fails',
  'hook fails',
  'disk full',
  'maintenance',
  'cancellation',
  'growth',
  'withdrawal',
  'event comes back',
  'cloned identity',
  'balancer restart',
  'clock rate',
  'clock jump',
  'failover',
  'overlapping events',
  'VM without agent',
  'force',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/**
 * What goes wrong in one run. Probabilities are per occasion (a request, an answer, a drain), counts are per run.
 * `healsAtMs` is when everything stops going wrong, before which the VMs must have come to an end to be held to it.
 */
export interface Faults {
  readonly crashes: number;
  /** Of the crashes: the VM stays away until the events are over, or for ever. */
  readonly staysAway: number;
  /** The VM whose intent was just recorded dies, stands still or is cut off before it can go on. */
  readonly lostInIntent: number;
  readonly pauses: number;
  readonly partitions: number;
  readonly coordinatorOutages: number;
  readonly coordinatorDead: boolean;
  readonly metadataErrors: number;
  readonly metadataOutages: number;
  readonly emptyDocuments: number;
  /** As after the service was disabled: incarnations from 1 on, and for up to 290 s no events. */
  readonly restartedDocuments: number;
  /** One VM's metadata service tells of 20 s ago. */
  readonly behind: number;
  readonly lostAnswers: number;
  readonly lateAnswers: number;
  /** Applied by the coordinator long after the sender has given it up. */
  readonly lateCommands: number;
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
  /** Clocks go up to so much too fast or too slow. */
  readonly clockRates: number;
  readonly isCancelled: boolean;
  /** An event that was cancelled is there again under the same id. */
  readonly comesBack: boolean;
  readonly grows: boolean;
  /** It grows a moment after an intent was recorded. */
  readonly growsInIntent: number;
  /** Another machine under the name of one of the VMs. */
  readonly clones: number;
  readonly balancerRestarts: number;
  /** The store's server fails over to one that lacks the last seconds; nothing may be taken back then. */
  readonly failovers: number;
  /** Events besides the first. */
  readonly moreEvents: number;
  /** One VM has no agent, and the coordinator knows that (or not). */
  readonly withoutAgent: 'none' | 'listed' | 'unlisted';
  readonly healsAtMs: number;
}

/** Over what was drawn: the faults that a rule is most sensitive to. */
export type Bias = Partial<Faults>;

export const NO_FAULTS: Faults = {
  crashes: 0,
  staysAway: 0,
  lostInIntent: 0,
  pauses: 0,
  partitions: 0,
  coordinatorOutages: 0,
  coordinatorDead: false,
  metadataErrors: 0,
  metadataOutages: 0,
  emptyDocuments: 0,
  restartedDocuments: 0,
  behind: 0,
  lostAnswers: 0,
  lateAnswers: 0,
  lateCommands: 0,
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
  clockRates: 0,
  isCancelled: false,
  comesBack: false,
  grows: false,
  growsInIntent: 0,
  clones: 0,
  balancerRestarts: 0,
  failovers: 0,
  moreEvents: 0,
  withoutAgent: 'none',
  healsAtMs: 0,
};

/**
 * safety: anything at any time; only "nothing bad happens" is checked. liveness: everything heals 50 s before NotBefore; then
 * it must also come to a good end. calm: nothing goes wrong. silent: the coordinator is never there. policies: as safety, and
 * every VM's operator has other ideas about events; clocks are set wrong too.
 */
export const MODES = ['safety', 'liveness', 'calm', 'silent', 'policies'] as const;
export type Mode = (typeof MODES)[number];

/** The faults of one run. Each kind is present in some of the runs only, so that their combinations differ. */
export function drawFaults(mode: Mode, random: RandomSource, healsAtMs: number): Faults {
  if (mode === 'calm') return NO_FAULTS;
  if (mode === 'silent') return { ...NO_FAULTS, coordinatorDead: true, healsAtMs: Number.POSITIVE_INFINITY };
  const chance = (probability: number): boolean => random.fraction() < probability;
  const maybe = (value: number): number => (chance(0.5) ? value : 0);
  const count = (most: number): number => Math.floor(maybe(1) * random.fraction() * (most + 1));
  const isUnbounded = mode !== 'liveness';
  return {
    crashes: count(4),
    staysAway: maybe(0.3),
    lostInIntent: chance(0.15) ? 0.5 : 0,
    pauses: count(3),
    partitions: count(3),
    coordinatorOutages: count(2),
    coordinatorDead: false,
    metadataErrors: maybe(0.1),
    metadataOutages: count(3),
    emptyDocuments: count(2),
    restartedDocuments: isUnbounded && chance(0.03) ? 1 : 0,
    behind: chance(0.1) ? 1 : 0,
    lostAnswers: maybe(0.15),
    lateAnswers: chance(0.3) ? 0.2 : 0,
    lateCommands: chance(0.3) ? 0.2 : 0,
    latePosts: maybe(0.5),
    failedDrains: maybe(0.15),
    failedHooks: maybe(0.1),
    failedWrites: maybe(0.05),
    lostJournals: maybe(0.3),
    maintenances: count(2),
    hasPolicies: mode === 'policies',
    withdrawals: mode === 'policies' ? count(1) : isUnbounded && chance(0.08) ? 1 : 0,
    forces: isUnbounded && chance(0.1) ? 1 : 0,
    clockJumps: isUnbounded && chance(mode === 'policies' ? 0.3 : 0.1) ? 1 + Math.floor(random.fraction() * 2) : 0,
    clockRates: chance(0.25) ? (isUnbounded ? 0.2 : 0.05) : 0,
    isCancelled: isUnbounded && chance(0.1),
    comesBack: chance(0.3),
    grows: isUnbounded && chance(0.12),
    growsInIntent: isUnbounded && chance(0.03) ? 1 : 0,
    clones: isUnbounded && chance(0.06) ? 1 : 0,
    balancerRestarts: chance(0.1) ? 2 : 0,
    failovers: chance(0.08) ? 1 : 0,
    moreEvents: chance(0.3) ? (chance(0.3) ? 2 : 1) : 0,
    withoutAgent: chance(0.04) ? (isUnbounded && chance(0.3) ? 'unlisted' : 'listed') : 'none',
    healsAtMs: isUnbounded ? Number.POSITIVE_INFINITY : healsAtMs,
  };
}
