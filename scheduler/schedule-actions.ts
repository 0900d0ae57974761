import { Document, visit } from 'yaml';
import { z } from 'zod';
import type { Clock } from '../common/runtime/clock.ts';
import type { CommandContext } from '../common/runtime/command.ts';
import { EXIT_USAGE, UserError } from '../common/runtime/errors.ts';
import { formatTable } from '../common/runtime/terminal.ts';
import { askScheduler, schedulerLocation } from './client.ts';
import { collectionPath, readJobFile, type JobOptions } from './job-actions.ts';
import { MINUTE_MS } from './recurrence/civil.ts';
import { importCron } from './recurrence/cron.ts';
import { zoneOrUndefined } from './recurrence/zone.ts';

export interface NextOptions extends JobOptions {
  readonly file?: string;
  readonly count?: string;
  readonly from?: string;
  readonly until?: string;
}

const previewSchema = z.object({
  state: z.string(),
  timeZone: z.string(),
  occurrences: z.array(
    z.object({ kind: z.enum(['run', 'skipped']), utc: z.string(), local: z.string(), note: z.string().nullable() }),
  ),
  lastOccurrence: z.string().nullable(),
});

/** Prints when a job will run: one that the scheduler has, or that of a file, of which nothing is stored. */
export async function showNext(context: CommandContext, name: string | undefined, options: NextOptions): Promise<void> {
  if ((name === undefined) === (options.file === undefined)) {
    throw new UserError('JOB_NEXT', 'expected either the name of a job or --file with one', {
      hint: 'forewarn job next nightly, or forewarn job next --file job.yaml',
      exitStatus: EXIT_USAGE,
    });
  }
  const query = new URLSearchParams();
  for (const key of ['count', 'from', 'until'] as const) {
    const value = options[key];
    if (value !== undefined) query.set(key, value);
  }
  const location = schedulerLocation(context, options.scheduler);
  const response = await askScheduler(
    location,
    options.file === undefined
      ? {
          method: 'GET',
          path: `/forewarn/v1${collectionPath(options)}/jobs/${encodeURIComponent(name ?? '')}/next?${query.toString()}`,
        }
      : { method: 'POST', path: `/forewarn/v1/preview?${query.toString()}`, body: await readJobFile(options.file) },
  );
  context.terminal.print(options.json ? JSON.stringify(response.body, null, 2) : describePreview(response.body));
}

function describePreview(body: unknown): string {
  const { state, timeZone, occurrences, lastOccurrence } = previewSchema.parse(body);
  const rows = occurrences.map(({ kind, utc, local, note }) => [kind, local, utc, note ?? '']);
  const table = formatTable(['', `LOCAL (${timeZone})`, 'UTC', 'WHY'], rows, 'it will not run again');
  const asleep = state === 'disabled' ? `\nThe job is disabled: until it is enabled it does none of this.` : '';
  return `${table}${lastOccurrence === null ? '' : `\nThe last run is at ${lastOccurrence}.`}${asleep}`;
}

/** Prints what a cron expression is as a job's startTime and recurrence, or says why it cannot be one. */
export function showCron(
  context: CommandContext,
  clock: Clock,
  expression: string,
  options: { readonly timeZone?: string; readonly json?: true },
): void {
  const { timeZone } = options;
  if (timeZone !== undefined && zoneOrUndefined(timeZone) === undefined) {
    throw new UserError('TIME_ZONE', `'${timeZone}' is no time zone of the IANA database, like Europe/Berlin`, {
      exitStatus: EXIT_USAGE,
    });
  }
  const imported = importCron(expression);
  if (imported.kind === 'refused') {
    throw new UserError('CRON_EXPRESSION', `'${expression}' cannot become a recurrence: ${imported.reason}`, {
      exitStatus: EXIT_USAGE,
    });
  }
  const { clockChanges, ...recurrence } = imported.recurrence;
  const zoned = timeZone === undefined ? {} : { timeZone, ...(clockChanges === undefined ? {} : { clockChanges }) };
  // Without a start time it would run at once.
  const job = { startTime: nextMinute(clock), recurrence: { ...recurrence, ...zoned } };
  context.terminal.print(options.json ? JSON.stringify(job, null, 2) : toYaml(job));
}

/** When cron's own clock begins, as a start time. */
export function nextMinute(clock: Clock): string {
  const startMs = (Math.floor(clock.now() / MINUTE_MS) + 1) * MINUTE_MS;
  return new Date(startMs).toISOString().replace('.000', '');
}

/** Lists on one line, as people write them. */
function toYaml(value: unknown): string {
  const document = new Document(value);
  visit(document, {
    Seq: (_key, list) => {
      list.flow = true;
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: false }).trimEnd();
}
