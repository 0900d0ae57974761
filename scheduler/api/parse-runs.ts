import { z } from 'zod';
import { formatTimeSpan, parseTimeSpanOrUndefined } from '../jobs/retry.ts';
import type { RunChoices } from '../jobs/run-choices.ts';
import { anyCase } from './any-case.ts';

/** Below this an occurrence could miss its window because the machine is busy. */
const MIN_WINDOW_MS = 1000;
const MAX_WINDOW_MS = 548 * 86_400_000;

/** `properties.runs` of a job: a superset of the real service. */
export const runsBodySchema = z.strictObject({
  missed: anyCase(['skip', 'once', 'all']).nullish(),
  overlap: anyCase(['skip', 'queue', 'allow', 'cancel']).nullish(),
  window: z
    .string()
    .transform((text, context) => {
      const ms = parseTimeSpanOrUndefined(text);
      if (ms !== undefined && ms >= MIN_WINDOW_MS && ms <= MAX_WINDOW_MS) return formatTimeSpan(ms);
      context.addIssue({
        code: 'custom',
        message: `expected a duration from 1 second to 18 months, like 01:00:00 or PT1H, got '${text}'.`,
      });
      return z.NEVER;
    })
    .nullish(),
});

export function toRuns(runs: z.output<typeof runsBodySchema>): RunChoices {
  return {
    ...(runs.missed ? { missed: runs.missed } : {}),
    ...(runs.overlap ? { overlap: runs.overlap } : {}),
    ...(runs.window ? { window: runs.window } : {}),
  };
}
