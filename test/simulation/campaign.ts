import { simulate, type RunResult } from './run.ts';
import type { Bias, FaultKind, Mode } from './faults.ts';
import { RESIDUALS, type Invariant, type Residual } from './invariants.ts';

export interface CampaignSummary {
  readonly mode: Mode;
  readonly seeds: number;
  readonly events: number;
  readonly approved: number;
  /** Runs in which another VM took over an open intent. */
  readonly takeovers: number;
  readonly posts: number;
  readonly residuals: Readonly<Record<Residual, number>>;
  /** How often each kind of fault happened. */
  readonly fired: Readonly<Partial<Record<FaultKind, number>>>;
  /** Runs that broke an invariant, by invariant. */
  readonly broken: Readonly<Partial<Record<Invariant, number>>>;
  /** The first few runs in which an invariant was broken, for people. */
  readonly failures: readonly string[];
  readonly failureCount: number;
  /** Of the threads that ran it. */
  readonly cpuSeconds: number;
}

const FAILURES_KEPT = 3;

/** Runs the seeds `first` to `first + seeds - 1` of one mode. */
export function runCampaign(mode: Mode, first: number, seeds: number, bias: Bias = {}): CampaignSummary {
  const before = process.threadCpuUsage();
  const totals = { events: 0, approved: 0, takeovers: 0, posts: 0, failureCount: 0 };
  const residuals = { R1: 0, R2: 0, R3: 0, R4: 0 };
  const fired: Partial<Record<FaultKind, number>> = {};
  const broken: Partial<Record<Invariant, number>> = {};
  const failures: string[] = [];
  for (let seed = first; seed < first + seeds; seed++) {
    const result = simulate(mode, seed, bias);
    totals.events += result.events;
    totals.approved += result.approved;
    if (result.takeovers > 0) totals.takeovers++;
    totals.posts += result.posts;
    for (const kind of RESIDUALS) residuals[kind] += result.residuals[kind];
    for (const [kind, count] of result.fired) fired[kind] = (fired[kind] ?? 0) + count;
    if (result.violations.length === 0) continue;
    totals.failureCount++;
    for (const name of new Set(result.violations.map(({ invariant }) => invariant)))
      broken[name] = (broken[name] ?? 0) + 1;
    if (failures.length < FAILURES_KEPT) failures.push(describeFailure(result));
  }
  const { user, system } = process.threadCpuUsage(before);
  return { mode, seeds, ...totals, residuals, fired, broken, failures, cpuSeconds: (user + system) / 1e6 };
}

/** Both together, as if they had been one. */
export function addCampaigns(one: CampaignSummary, other: CampaignSummary): CampaignSummary {
  return {
    mode: one.mode,
    seeds: one.seeds + other.seeds,
    events: one.events + other.events,
    approved: one.approved + other.approved,
    takeovers: one.takeovers + other.takeovers,
    posts: one.posts + other.posts,
    residuals: { ...addEach(one.residuals, other.residuals) },
    fired: addEach(one.fired, other.fired),
    broken: addEach(one.broken, other.broken),
    failures: [...one.failures, ...other.failures].slice(0, FAILURES_KEPT),
    failureCount: one.failureCount + other.failureCount,
    cpuSeconds: one.cpuSeconds + other.cpuSeconds,
  };
}

function addEach<Counts extends Partial<Record<string, number>>>(one: Counts, other: Counts): Counts {
  const sums: Record<string, number> = {};
  for (const [name, count] of [...Object.entries(one), ...Object.entries(other)])
    sums[name] = (sums[name] ?? 0) + (count ?? 0);
  return sums as Counts;
}

/** What to read first when a run failed, and how to see it again. */
export function describeFailure(result: RunResult): string {
  const broken = result.violations.map(({ invariant, atMs, detail }) => `${invariant} at ${atMs}: ${detail}`);
  return [
    `seed ${result.seed} of mode ${result.mode} broke ${broken.length} invariants:`,
    ...broken.slice(0, 10),
    ...result.trace().slice(-150),
    ...result.describe(),
    `repeat it: npm run simulate -- --mode ${result.mode} --first ${result.seed} --seeds 1`,
  ].join('\n');
}
