import { readFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import type { CommandContext } from '../common/runtime/command.ts';
import { describeError, EXIT_USAGE, UserError } from '../common/runtime/errors.ts';
import { formatTable } from '../common/runtime/terminal.ts';
import { askForAll, askScheduler, schedulerLocation } from './client.ts';

/** What every `forewarn job` command takes. */
export interface JobOptions {
  readonly collection: string;
  readonly subscription: string;
  readonly resourceGroup: string;
  readonly scheduler?: string;
  readonly json?: true;
}

export const API_VERSION = 'api-version=2016-03-01';

const jobSchema = z.object({
  name: z.string(),
  properties: z.object({
    state: z.string(),
    action: z.object({ type: z.string() }),
    recurrence: z
      .object({
        frequency: z.string(),
        interval: z.number(),
        schedule: z.object({}).optional(),
        timeZone: z.string().optional(),
      })
      .optional(),
    status: z.object({ nextExecutionTime: z.string().optional(), lastExecutionTime: z.string().optional() }).optional(),
  }),
});

const historySchema = z.object({
  value: z.array(
    z.object({
      properties: z.object({
        startTime: z.string(),
        endTime: z.string().optional(),
        status: z.string().optional(),
        reason: z.string().optional(),
        actionName: z.string().optional(),
        repeatCount: z.number(),
        retryCount: z.number(),
        message: z.string(),
      }),
    }),
  ),
});

export async function putJob(
  context: CommandContext,
  name: string,
  options: JobOptions & { file: string },
): Promise<void> {
  const body = await readJobFile(options.file);
  const location = schedulerLocation(context, options.scheduler);
  const collection = collectionPath(options);
  const found = await askScheduler(location, { method: 'GET', path: `${collection}?${API_VERSION}` }, [200, 404]);
  if (found.status === 404) {
    await askScheduler(location, { method: 'PUT', path: `${collection}?${API_VERSION}`, body: { location: 'local' } });
  }
  const response = await askScheduler(location, { method: 'PUT', path: jobPath(options, name), body });
  printJob(
    context,
    options,
    response.body,
    `${response.status === 201 ? 'created' : 'replaced'} ${options.collection}/${name}: ${describeJob(response.body)}`,
  );
}

export async function listJobs(context: CommandContext, options: JobOptions & { state?: string }): Promise<void> {
  const state = options.state === undefined ? '' : `&$filter=${encodeURIComponent(`state eq ${options.state}`)}`;
  const first = `${collectionPath(options)}/jobs?${API_VERSION}${state}`;
  const body = { value: await askForAll(schedulerLocation(context, options.scheduler), first) };
  const { value } = z.object({ value: z.array(jobSchema) }).parse(body);
  const rows = value.map(({ name, properties }) => [
    name.split('/')[1] ?? name,
    properties.action.type,
    properties.state,
    describeRecurrence(properties.recurrence),
    properties.status?.lastExecutionTime ?? '-',
    properties.status?.nextExecutionTime ?? '-',
  ]);
  printJob(
    context,
    options,
    body,
    formatTable(['JOB', 'ACTION', 'STATE', 'RECURRENCE', 'LAST', 'NEXT'], rows, 'no jobs'),
  );
}

export async function showJob(context: CommandContext, name: string, options: JobOptions): Promise<void> {
  const location = schedulerLocation(context, options.scheduler);
  const response = await askScheduler(location, { method: 'GET', path: jobPath(options, name) });
  context.terminal.print(JSON.stringify(response.body, null, 2));
}

export async function runJob(context: CommandContext, name: string, options: JobOptions): Promise<void> {
  const location = schedulerLocation(context, options.scheduler);
  await askScheduler(location, { method: 'POST', path: jobPath(options, name, '/run') });
  printJob(
    context,
    options,
    { started: name },
    `started ${options.collection}/${name}; forewarn job history ${name} shows how it went`,
  );
}

export async function deleteJob(context: CommandContext, name: string, options: JobOptions): Promise<void> {
  const location = schedulerLocation(context, options.scheduler);
  await askScheduler(location, { method: 'DELETE', path: jobPath(options, name) });
  printJob(context, options, { deleted: name }, `deleted ${options.collection}/${name}`);
}

export async function showHistory(
  context: CommandContext,
  name: string,
  options: JobOptions & { status?: string },
): Promise<void> {
  const location = schedulerLocation(context, options.scheduler);
  const status = options.status === undefined ? '' : `&$filter=${encodeURIComponent(`status eq ${options.status}`)}`;
  const body = { value: await askForAll(location, `${jobPath(options, name, '/history')}${status}`) };
  const { value } = historySchema.parse(body);
  const rows = value.map(({ properties }) => [
    properties.startTime,
    properties.endTime ?? '-',
    describeOutcome(properties),
    `${properties.repeatCount}`,
    `${properties.retryCount}`,
    // One line each; --json has all of it.
    properties.message.replaceAll(/\s+/g, ' ').slice(0, 160),
  ]);
  printJob(
    context,
    options,
    body,
    formatTable(['START', 'END', 'STATUS', 'RUN', 'RETRY', 'MESSAGE'], rows, 'no executions yet'),
  );
}

/** What became of it; why it was not run or was cut short; and whether it was only what is done after a failure. */
function describeOutcome({
  status,
  reason,
  actionName,
}: {
  readonly status?: string | undefined;
  readonly reason?: string | undefined;
  readonly actionName?: string | undefined;
}): string {
  const notes = [...(actionName === 'ErrorAction' ? ['error action'] : []), ...(reason === undefined ? [] : [reason])];
  return `${status ?? 'completed'}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`;
}

/** `forewarn job next` tells the rest. */
function describeRecurrence(recurrence: z.output<typeof jobSchema>['properties']['recurrence']): string {
  if (recurrence === undefined) return 'once';
  const { interval, frequency, schedule, timeZone } = recurrence;
  const more = [...(schedule === undefined ? [] : ['scheduled']), ...(timeZone === undefined ? [] : [timeZone])];
  return `every ${interval} ${frequency}${more.length === 0 ? '' : ` (${more.join(', ')})`}`;
}

export function printJob(context: CommandContext, options: JobOptions, data: unknown, text: string): void {
  context.terminal.print(options.json ? JSON.stringify(data, null, 2) : text);
}

export function describeJob(body: unknown): string {
  const { properties } = jobSchema.parse(body);
  const next = properties.status?.nextExecutionTime;
  return next === undefined ? properties.state : `${properties.state}, next run ${next}`;
}

/** A job file holds the body of the request, or only its `properties`. */
export async function readJobFile(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new UserError('JOB_FILE', `cannot read the job file ${file}: ${describeError(error)}`, {
      exitStatus: EXIT_USAGE,
      cause: error,
    });
  }
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined) {
    throw new UserError('JOB_FILE', `${file}: expected JSON or YAML: ${problem.message}`, { exitStatus: EXIT_USAGE });
  }
  const value: unknown = document.toJS();
  const parsed = z.record(z.string(), z.unknown()).safeParse(value);
  if (!parsed.success)
    throw new UserError('JOB_FILE', `${file}: expected a job, found ${JSON.stringify(value)}`, {
      exitStatus: EXIT_USAGE,
    });
  return 'properties' in parsed.data ? parsed.data : { properties: parsed.data };
}

export function collectionPath(options: JobOptions): string {
  const part = encodeURIComponent;
  return `/subscriptions/${part(options.subscription)}/resourceGroups/${part(options.resourceGroup)}/providers/Microsoft.Scheduler/jobCollections/${part(options.collection)}`;
}

export function jobPath(options: JobOptions, name: string, verb = ''): string {
  return `${collectionPath(options)}/jobs/${encodeURIComponent(name)}${verb}?${API_VERSION}`;
}
