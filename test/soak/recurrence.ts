import { compareClocks } from '../scheduler/recurrence/compare-clocks.ts';
import { compareRules } from '../scheduler/recurrence/compare-rules.ts';

/** Seeds between two lines of progress. */
const PROGRESS_EVERY = 2500;

/** Random rules beside rrule-temporal, and random jobs in zones beside their stated policy. Prints the seed of a failure. */
export function soakRecurrence(options: {
  readonly first: number;
  readonly rules: number;
  readonly jobs: number;
}): boolean {
  let isGood = true;
  const said = (what: string, differences: readonly string[]): void => {
    process.stdout.write(`${what}, ${differences.length} differ\n`);
    for (const difference of differences.slice(0, 10)) process.stdout.write(`  ${difference}\n`);
    isGood &&= differences.length === 0;
  };
  for (let done = 0; done < options.rules; done += PROGRESS_EVERY) {
    const rules = Math.min(PROGRESS_EVERY, options.rules - done);
    const { differences, never } = compareRules(options.first + done, rules);
    said(
      `recurrence: ${done + rules} rules beside rrule-temporal (${never} of the last ${rules} never due)`,
      differences,
    );
  }
  for (let done = 0; done < options.jobs; done += PROGRESS_EVERY) {
    const jobs = Math.min(PROGRESS_EVERY, options.jobs - done);
    const { differences, occurrences } = compareClocks(options.first + done, jobs);
    said(
      `recurrence: ${done + jobs} zoned jobs through 13 months (${occurrences} occurrences in the last ${jobs})`,
      differences,
    );
  }
  return isGood;
}
