import { seededRandom } from '../../../common/runtime/random.ts';
import { countBetween, nextOccurrence } from '../../../scheduler/recurrence.ts';
import { GAP_POLICIES, OVERLAP_POLICIES, type Recurrence } from '../../../scheduler/recurrence/rule.ts';
import { clockOracle, type ClockOracle } from './clock-oracle.ts';
import { randomRule } from './random-rules.ts';

/** Both hemispheres, changes at midnight, of half an hour and of two, at a quarter to three, in Ramadan, and none. */
export const ZONES = [
  'Europe/Berlin',
  'Australia/Sydney',
  'America/New_York',
  'Australia/Lord_Howe',
  'America/Santiago',
  'Pacific/Auckland',
  'Antarctica/Troll',
  'America/Havana',
  'Asia/Beirut',
  'Pacific/Chatham',
  'Africa/Casablanca',
  'Africa/Cairo',
  'Europe/London',
  'Europe/Dublin',
  'Atlantic/Azores',
  'America/St_Johns',
  'America/Nuuk',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Pacific/Kiritimati',
] as const;

/** Thirteen months, so that every change of a year is in them and one of them twice. */
const FROM_MS = Date.UTC(2026, 9, 1);
const TO_MS = Date.UTC(2027, 10, 1);
/** Rules that are due more often are compared up to here: three days around the change in the middle would do. */
const MOST_OCCURRENCES = 5000;

export interface ClockComparison {
  readonly jobs: number;
  readonly occurrences: number;
  readonly differences: readonly string[];
}

/** Random jobs in zones, one a seed: every occurrence of thirteen months beside what the policy says. */
export function compareClocks(firstSeed: number, jobs: number, zones: readonly string[] = ZONES): ClockComparison {
  const oracles = new Map<string, ClockOracle>();
  const differences: string[] = [];
  let occurrences = 0;
  for (let seed = firstSeed; seed < firstSeed + jobs; seed++) {
    const zone = zones[seed % zones.length] as string;
    const oracle = oracles.get(zone) ?? clockOracle(zone, FROM_MS, TO_MS);
    oracles.set(zone, oracle);
    const { rule, startMs } = zonedJob(seed, zone);
    const expected = oracle.occurrences(rule, startMs).slice(0, MOST_OCCURRENCES);
    const wrong = firstDifference(rule, startMs, expected);
    occurrences += expected.length;
    if (wrong !== undefined)
      differences.push(`seed ${seed}: ${JSON.stringify(rule)} from ${new Date(startMs).toISOString()}: ${wrong}`);
  }
  return { jobs, occurrences, differences };
}

/** Mostly at night, when clocks are changed. */
function zonedJob(seed: number, timeZone: string): { readonly rule: Recurrence; readonly startMs: number } {
  const random = seededRandom(seed);
  const { rule } = randomRule(seed, ['day', 'day', 'week', 'month', 'year']);
  const pick = <Value>(values: readonly Value[]): Value =>
    values[Math.floor(random.fraction() * values.length)] as Value;
  const hours = random.fraction() < 0.7 ? [pick([0, 1, 2, 3]), pick([0, 1, 2, 3, 12])] : undefined;
  const schedule = { ...rule.schedule, ...(hours === undefined ? {} : { hours: [...new Set(hours)] }) };
  return {
    startMs: FROM_MS + Math.floor(random.fraction() * 30 * 1440) * 60_000,
    rule: {
      ...rule,
      interval: random.fraction() < 0.8 ? 1 : Math.min(rule.interval, 12),
      count: undefined,
      schedule,
      timeZone,
      clockChanges: { gap: pick(GAP_POLICIES), overlap: pick(OVERLAP_POLICIES) },
    },
  };
}

function firstDifference(rule: Recurrence, startMs: number, expected: readonly number[]): string | undefined {
  const table = { anchorMs: startMs, recurrence: rule };
  let afterMs = startMs - 1;
  for (const atMs of expected) {
    const next = nextOccurrence(table, { afterMs, made: 0 });
    if (next !== atMs) return `expected ${text(atMs)}, got ${text(next)}`;
    afterMs = atMs;
  }
  if (expected.length < MOST_OCCURRENCES) {
    const next = nextOccurrence(table, { afterMs, made: 0 });
    if (next !== undefined && next < TO_MS) return `expected no more, got ${text(next)}`;
  }
  const counted = countBetween(table, startMs, afterMs + 1);
  return counted === expected.length ? undefined : `counted ${counted}, expected ${expected.length}`;
}

function text(atMs: number | undefined): string {
  return atMs === undefined ? 'none' : new Date(atMs).toISOString();
}
