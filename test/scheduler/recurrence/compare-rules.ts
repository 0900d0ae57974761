import { countBetween, lastOccurrence, nextOccurrence } from '../../../scheduler/recurrence.ts';
import { peerOccurrences, toICalendar } from './peers.ts';
import { randomRule } from './random-rules.ts';

const ASKED = 8;
/** Periods that rrule-temporal goes through: its own default, and as many minutes as there are in a lifetime. */
const USUAL_SEARCH = 10_000;
const LONG_SEARCH = 50_000_000;

export interface Comparison {
  readonly rules: number;
  /** Rules that are never due: the peer searches until its limit, and says so. */
  readonly never: number;
  /** What is wrong, with the seed and the rule. */
  readonly differences: readonly string[];
}

/** Random rules, one a seed, beside rrule-temporal: the first occurrences, their number and the last by arithmetic. */
export function compareRules(firstSeed: number, rules: number): Comparison {
  const differences: string[] = [];
  let never = 0;
  for (let seed = firstSeed; seed < firstSeed + rules; seed++) {
    const rule = randomRule(seed);
    const table = { anchorMs: rule.startMs, recurrence: rule.rule };
    const ours = firstOf(table, rule.startMs - 1);
    // Where it finds nothing but there is something (every 811 minutes, at 14:43 only), it is made to search on.
    const searched = ours.length === 0 ? USUAL_SEARCH : LONG_SEARCH;
    const peer = peerOrUndefined(() => peerOccurrences(rule, ASKED, searched));
    if (peer === undefined) never += 1;
    const wrong =
      JSON.stringify(ours) === JSON.stringify(peer ?? [])
        ? wrongArithmetic(table, ours)
        : `ours ${describe(ours)}, rrule-temporal ${describe(peer ?? [])}`;
    if (wrong !== undefined) differences.push(`seed ${seed}: ${toICalendar(rule).replace('\n', ' ')}: ${wrong}`);
  }
  return { rules, never, differences };
}

type Table = Parameters<typeof nextOccurrence>[0];

function firstOf(table: Table, afterMs: number): readonly number[] {
  const found: number[] = [];
  while (found.length < ASKED) {
    const next = nextOccurrence(table, { afterMs: found.at(-1) ?? afterMs, made: found.length });
    if (next === undefined) break;
    found.push(next);
  }
  return found;
}

/** Counting and skipping must say what stepping says. */
function wrongArithmetic(table: Table, found: readonly number[]): string | undefined {
  const last = found.at(-1);
  if (last === undefined || table.recurrence === undefined) return undefined;
  const counted = countBetween(table, table.anchorMs, last + 1);
  if (counted !== found.length) return `counted ${counted} until ${describe([last])}, where ${found.length} are`;
  for (const [index, atMs] of found.entries()) {
    const { recurrence } = table;
    const skipped = lastOccurrence(
      { anchorMs: table.anchorMs, recurrence: { ...recurrence, count: index + 1 } },
      { afterMs: table.anchorMs - 1, made: 0 },
    );
    if (skipped !== atMs) return `the ${index + 1}th is ${describe([atMs])}, by arithmetic ${describe([skipped ?? 0])}`;
  }
  return undefined;
}

function peerOrUndefined(ask: () => readonly number[]): readonly number[] | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('Maximum iterations')) return undefined;
    throw error;
  }
}

function describe(moments: readonly number[]): string {
  return moments.length === 0 ? 'never' : moments.map((atMs) => new Date(atMs).toISOString()).join(' ');
}
